//! Upgrades of real processes: this program is the test and, with `serve`, the server.

mod beside;
mod failing;
mod fixture;
mod hooks;
mod inheriting;
mod init;
mod server;

use libtest_mimic::{Arguments, Trial};

/// Every test.
const TESTS: &[(&str, fn())] = &[
    ("beside::twenty_upgrades_in_a_row", beside::twenty_upgrades_in_a_row),
    ("beside::the_nursery_ends_with_its_server", beside::the_nursery_ends_with_its_server),
    ("beside::signals_do_not_end_the_nursery", beside::signals_do_not_end_the_nursery),
    ("beside::a_lost_nursery_is_told", beside::a_lost_nursery_is_told),
    ("beside::several_threads_are_refused", beside::several_threads_are_refused),
    ("beside::without_rights", beside::without_rights),
    ("failing::the_reason_is_told", failing::the_reason_is_told),
    ("failing::an_end_without_a_word_is_told", failing::an_end_without_a_word_is_told),
    ("failing::a_hanging_successor_is_killed", failing::a_hanging_successor_is_killed),
    ("failing::what_can_not_be_executed", failing::what_can_not_be_executed),
    ("failing::names_that_are_none", failing::names_that_are_none),
    ("hooks::arguments_environment_streams", hooks::arguments_environment_streams),
    ("hooks::a_failure_is_told", hooks::a_failure_is_told),
    ("hooks::what_can_not_be_executed", hooks::what_can_not_be_executed),
    ("hooks::only_what_was_named_is_run", hooks::only_what_was_named_is_run),
    ("hooks::words_that_are_none", hooks::words_that_are_none),
    ("hooks::a_late_one_is_killed_with_its_group", hooks::a_late_one_is_killed_with_its_group),
    ("hooks::several_run_at_once", hooks::several_run_at_once),
    ("hooks::an_upgrade_goes_on_meanwhile", hooks::an_upgrade_goes_on_meanwhile),
    ("hooks::it_outlives_its_server", hooks::it_outlives_its_server),
    ("hooks::it_ends_with_the_first_process", hooks::it_ends_with_the_first_process),
    ("hooks::a_lost_nursery_is_told", hooks::a_lost_nursery_is_told),
    ("hooks::it_keeps_the_rights", hooks::it_keeps_the_rights),
    ("hooks::there_are_not_too_many", hooks::there_are_not_too_many),
    ("inheriting::arguments_environment_directory", inheriting::arguments_environment_directory),
    ("inheriting::signals_and_descriptors", inheriting::signals_and_descriptors),
    ("inheriting::many_sockets", inheriting::many_sockets),
    ("inheriting::a_symbolic_link_is_followed_anew", inheriting::a_symbolic_link_is_followed_anew),
    ("init::twenty_upgrades_in_a_row", init::twenty_upgrades_in_a_row),
    ("init::the_exit_code_is_that_of_the_server", init::the_exit_code_is_that_of_the_server),
    ("init::signals_reach_the_server", init::signals_reach_the_server),
    ("init::signals_reach_the_one_that_is_ready", init::signals_reach_the_one_that_is_ready),
    ("init::failing_successors", init::failing_successors),
    ("init::orphans_are_waited_for", init::orphans_are_waited_for),
];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        server::serve(&arguments[1..]);
    }
    let trials = TESTS.iter().map(|&(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    // While one test writes an executable, no other may start a process, which would hold it open.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
