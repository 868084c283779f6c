//! Black-box tests: they run the built programs as users do
