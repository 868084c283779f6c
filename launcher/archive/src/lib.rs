//! The bundle file format: layout, writer, reader, index
