//! The tour in the README: what it shows is what happens.

use holdall_tests::{Scratch, programs, tools};

/// The code blocks of the README in this language.
fn blocks(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(programs::repository().join("README.md")).unwrap();
    let begin = format!("```{language}\n");
    let parts = readme.split(&begin).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// The directory that the tour begins with, and a shell in it that finds the bundler.
fn tour() -> (Scratch, impl Fn(&Scratch, &str) -> holdall_tests::Ended) {
    let scratch = Scratch::new();
    let page = "<!doctype html>\n<link rel=\"stylesheet\" href=\"style.css\">\n\
                <h1>Hello from one file</h1>\n";
    scratch.write("public/index.html", page);
    scratch.write("public/style.css", "h1 { color: teal }\n");
    let shell = |scratch: &Scratch, script: &str| {
        let bundler = programs::holdall().parent().unwrap().display().to_string();
        let path = format!("{bundler}:{}", std::env::var("PATH").unwrap());
        let run = tools::tool("sh").args(["-euc", script]).env("PATH", path);
        run.current_dir(scratch.dir()).ok()
    };
    (scratch, shell)
}

#[test]
fn transcripts_are_what_is_printed() {
    let (scratch, shell) = tour();
    let transcripts = blocks("console");
    assert!(!transcripts.is_empty(), "the README has no transcript");
    for step in transcripts.iter().flat_map(|block| block.split("$ ").skip(1)) {
        let (command, expected) = step.split_once('\n').unwrap();
        let printed = shell(&scratch, command);
        assert_eq!(printed.text().trim(), expected.trim(), "{command}");
    }
}

#[test]
fn every_question_of_the_tour_is_answered() {
    let (scratch, shell) = tour();
    shell(&scratch, "holdall bundle public --output site --quiet");
    let questions = blocks("sh").into_iter().find(|block| block.contains("--bundle-info"));
    let questions = questions.expect("the README asks a bundle");
    for question in questions.lines() {
        let answer = shell(&scratch, question);
        assert!(!answer.stdout.is_empty(), "{question} answers nothing");
    }
}
