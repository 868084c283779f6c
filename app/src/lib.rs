//! The example service: says hello, as a plug-in and as a linked server
