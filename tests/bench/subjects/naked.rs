//! The control: a program that knows nothing of bundles. It reads a loose file and ends, or, with
//! `serve`, answers one HTTP request with it.

#![forbid(unsafe_code)]

use std::{
    env,
    error::Error,
    fs,
    io::{Read, Write},
    net::TcpListener,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let loose = arguments.next().ok_or("usage: naked FILE [serve]")?;
    if arguments.next().is_some() {
        return serve(|| fs::read(&loose));
    }
    if fs::read(loose)?.is_empty() { Err("the file is empty".into()) } else { Ok(()) }
}

fn serve(content: impl Fn() -> std::io::Result<Vec<u8>>) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    eprintln!("naked: serving on http://{}", listener.local_addr()?);
    let (mut stream, _) = listener.accept()?;
    let mut request = [0; 1024];
    if stream.read(&mut request)? == 0 {
        return Err("the client said nothing".into());
    }
    let content = content()?;
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", content.len())?;
    stream.write_all(&content)?;
    // The client ends the connection, as with any server.
    let _ = stream.read(&mut request);
    Ok(())
}
