//! The operations.

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags, filesystem_error_code,
};
use wasip2::io::streams::{OutputStream, StreamError};

const READ: DescriptorFlags = DescriptorFlags::READ;
const WRITE: DescriptorFlags = DescriptorFlags::WRITE;
const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

/// What fits into one blocking write, a quarter of it.
const KIBIBYTE: &str = match str::from_utf8(&[b'x'; 1024]) {
    Ok(text) => text,
    Err(_) => "",
};

/// The mounts, and the file that is kept.
#[derive(Default)]
pub(crate) struct Files {
    kept: Option<Descriptor>,
}

type Outcome = Result<String, ErrorCode>;

impl Files {
    pub(crate) fn act(&mut self, words: &[&str]) -> Outcome {
        match *words {
            ["read", at, path] => read(&open(at, PathFlags::empty(), path, OpenFlags::empty(), READ)?),
            ["read-follow", at, path] => read(&open(at, FOLLOW, path, OpenFlags::empty(), READ)?),
            ["write", at, path, text] => write(
                &open(at, PathFlags::empty(), path, OpenFlags::CREATE | OpenFlags::TRUNCATE, WRITE)?,
                0,
                text,
            ),
            ["write-follow", at, path, text] => {
                write(&open(at, FOLLOW, path, OpenFlags::CREATE | OpenFlags::TRUNCATE, WRITE)?, 0, text)
            }
            ["open-write", at, path, text] => {
                write(&open(at, PathFlags::empty(), path, OpenFlags::empty(), WRITE)?, 0, text)
            }
            ["create-new", at, path] => done(
                open(at, PathFlags::empty(), path, OpenFlags::CREATE | OpenFlags::EXCLUSIVE, WRITE).map(drop),
            ),
            ["truncate", at, path] => done(
                open(at, PathFlags::empty(), path, OpenFlags::TRUNCATE, DescriptorFlags::empty()).map(drop),
            ),
            ["append", at, path, text] => {
                let file = open(at, PathFlags::empty(), path, OpenFlags::CREATE, WRITE)?;
                put(&file.append_via_stream()?, text)
            }
            ["put", at, path, offset, text] => {
                write(&open(at, PathFlags::empty(), path, OpenFlags::CREATE, WRITE)?, number(offset), text)
            }
            ["fill", at, path, count] => {
                let file =
                    open(at, PathFlags::empty(), path, OpenFlags::CREATE | OpenFlags::TRUNCATE, WRITE)?;
                let stream = file.write_via_stream(0)?;
                (0..number(count)).try_fold(String::new(), |_, _| put(&stream, KIBIBYTE))
            }
            ["size", at, path, size] => {
                done(open(at, PathFlags::empty(), path, OpenFlags::empty(), WRITE)?.set_size(number(size)))
            }
            ["touch-open", at, path] => {
                done(open(at, PathFlags::empty(), path, OpenFlags::empty(), READ)?.set_times(NOW, NOW))
            }
            ["list", at] => list(&folder(at)?),
            ["keep", at, path] => {
                self.kept = Some(open(at, PathFlags::empty(), path, OpenFlags::empty(), READ | WRITE)?);
                done(Ok(()))
            }
            ["leak", at, path] => {
                done(open(at, PathFlags::empty(), path, OpenFlags::empty(), READ).map(std::mem::forget))
            }
            ["kept-read"] => self.kept.as_ref().map_or(Err(ErrorCode::BadDescriptor), read),
            ["kept-write", text] => {
                self.kept.as_ref().map_or(Err(ErrorCode::BadDescriptor), |file| write(file, 0, text))
            }
            _ => by_name(words),
        }
    }
}

const NOW: NewTimestamp = NewTimestamp::Now;

/// What needs no handle of the file.
fn by_name(words: &[&str]) -> Outcome {
    match *words {
        ["touch", at, path] => done(folder(at)?.set_times_at(PathFlags::empty(), path, NOW, NOW)),
        ["touch-follow", at, path] => done(folder(at)?.set_times_at(FOLLOW, path, NOW, NOW)),
        ["stat", at, path] => stat(&folder(at)?, PathFlags::empty(), path),
        ["stat-follow", at, path] => stat(&folder(at)?, FOLLOW, path),
        ["hash", at, path] => done(folder(at)?.metadata_hash_at(PathFlags::empty(), path).map(drop)),
        ["mkdir", at, path] => done(folder(at)?.create_directory_at(path)),
        ["rmdir", at, path] => done(folder(at)?.remove_directory_at(path)),
        ["unlink", at, path] => done(folder(at)?.unlink_file_at(path)),
        ["symlink", target, at, path] => done(folder(at)?.symlink_at(target, path)),
        ["readlink", at, path] => folder(at)?.readlink_at(path),
        ["link", at, path, to, new] => done(folder(at)?.link_at(PathFlags::empty(), path, &folder(to)?, new)),
        ["rename", at, path, to, new] => done(folder(at)?.rename_at(path, &folder(to)?, new)),
        _ => Err(ErrorCode::Unsupported),
    }
}

fn done(outcome: Result<(), ErrorCode>) -> Outcome {
    outcome.map(|()| "ok".to_owned())
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

fn folder(at: &str) -> Result<Descriptor, ErrorCode> {
    let (mount, inside) = at.split_once(':').unwrap_or((at, ""));
    let mounts = get_directories();
    let (mount, _) = mounts.into_iter().find(|(_, name)| name == mount).expect("a mount");
    if inside.is_empty() { Ok(mount) } else { mount.open_at(FOLLOW, inside, OpenFlags::DIRECTORY, READ) }
}

fn open(
    at: &str,
    links: PathFlags,
    path: &str,
    how: OpenFlags,
    flags: DescriptorFlags,
) -> Result<Descriptor, ErrorCode> {
    folder(at)?.open_at(links, path, how, flags)
}

fn read(file: &Descriptor) -> Outcome {
    let stream = file.read_via_stream(0)?;
    let mut content = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(piece) => content.extend(piece),
            Err(StreamError::Closed) => return Ok(String::from_utf8_lossy(&content).into_owned()),
            Err(error) => return Err(reason(error)),
        }
    }
}

fn write(file: &Descriptor, offset: u64, text: &str) -> Outcome {
    put(&file.write_via_stream(offset)?, text)
}

fn put(stream: &OutputStream, text: &str) -> Outcome {
    stream.blocking_write_and_flush(text.as_bytes()).map(|()| "ok".to_owned()).map_err(reason)
}

fn reason(error: StreamError) -> ErrorCode {
    match error {
        StreamError::LastOperationFailed(error) => filesystem_error_code(&error).unwrap_or(ErrorCode::Io),
        StreamError::Closed => ErrorCode::Pipe,
    }
}

fn stat(folder: &Descriptor, links: PathFlags, path: &str) -> Outcome {
    let stat = folder.stat_at(links, path)?;
    Ok(format!("{:?} {}", stat.type_, stat.size))
}

fn list(folder: &Descriptor) -> Outcome {
    let stream = folder.read_directory()?;
    let mut names = Vec::new();
    while let Some(entry) = stream.read_directory_entry()? {
        names.push(entry.name);
    }
    names.sort();
    Ok(names.join(" "))
}
