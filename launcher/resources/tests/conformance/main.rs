//! One suite over every origin: what holds in development must hold in a bundle.
//!
//! Each case is a function of `&Resources`; it runs over a directory, a compiled-in tree, a bundle
//! that stores, one that deflates, an archive of another zip tool (which has no index), and the
//! running executable itself.

mod cases;
mod origins;
mod running;

/// Makes one test of each case for each origin, and `cases::ALL` for the running bundle.
macro_rules! conformance {
    (origins: $origins:tt, cases: $cases:tt) => {
        conformance!(@each $origins $cases);
        conformance!(@all $cases);
    };
    (@each { $($origin:ident)* } $cases:tt) => {
        $( conformance!(@one $origin $cases); )*
    };
    (@one $origin:ident { $($case:ident)* }) => {
        mod $origin {
            $(
                #[test]
                fn $case() {
                    let made = crate::origins::$origin();
                    crate::cases::$case(&made.resources);
                }
            )*
        }
    };
    (@all { $($case:ident)* }) => {
        const ALL: &[(&str, fn(&holdall_resources::Resources))] =
            &[$((stringify!($case), cases::$case)),*];
    };
}

conformance! {
    origins: { directory embedded bundle_stored bundle_deflated archive_without_index },
    cases: {
        every_file_is_found_with_its_content
        sizes_digests_and_media_types_are_those_of_the_content
        missing_names_are_not_found
        near_names_are_suggested
        a_directory_is_no_file
        a_file_is_no_directory
        names_are_exact
        invalid_names_say_why
        what_is_the_bundles_own_is_invisible
        the_root_is_a_directory
        listings_are_sorted_and_complete
        walks_are_sorted_and_complete
        walks_begin_anywhere
        readers_read_in_pieces_of_any_size
        readers_seek_as_cursors_do
        readers_outlive_their_resource
        text_must_be_utf8
        paths_are_sealed_files_in_memory
        paths_are_readable_by_a_child
        directories_have_paths
        many_threads_read_at_once
        clones_share_the_tree
        a_static_tree_has_static_content
    }
}
