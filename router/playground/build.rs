//! Takes GraphiQL's pinned files from npm and writes the Rust that embeds them; where that cannot be, writes Rust that
//! embeds nothing, and the page then loads the same files from a CDN. `RIDEGRAPH_PLAYGROUND` chooses: `npm`, `cdn`, `auto`.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[path = "src/pinned.rs"]
#[expect(dead_code, reason = "the hashes are the page's and the tests'")]
mod pinned;

use pinned::PINNED_FILES;

/// Where an installation is given up: a registry that swallows connections must not hang a build.
const PATIENCE: Duration = Duration::from_mins(3);

fn main() -> ExitCode {
    for file in ["build.rs", "src/pinned.rs", "package.json", "package-lock.json"] {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-env-changed=RIDEGRAPH_PLAYGROUND");
    println!("cargo::rustc-check-cfg=cfg(embedded)");

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let choice = env::var_os("RIDEGRAPH_PLAYGROUND").unwrap_or_else(|| "auto".into());
    let embedded = match choice.to_string_lossy().as_ref() {
        "cdn" => Ok(None),
        "npm" => install(&out).map(Some),
        "auto" => match install(&out) {
            Ok(files) => Ok(Some(files)),
            Err(reason) => {
                println!(
                    "cargo::warning=GraphiQL is not embedded, its page needs the internet: {reason} \
                     (RIDEGRAPH_PLAYGROUND=npm tries again and insists, =cdn says it is meant)"
                );
                Ok(None)
            }
        },
        other => Err(format!("RIDEGRAPH_PLAYGROUND is `{other}`, not `npm`, `cdn` or `auto`")),
    };
    let written = embedded.and_then(|files| {
        if files.is_some() {
            println!("cargo::rustc-cfg=embedded");
        }
        write(&out.join("embedded.rs"), &embed(files.as_deref().unwrap_or_default()))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("cargo::error={reason}");
            ExitCode::FAILURE
        }
    }
}

/// Installs the packages of the lock file beside the generated code, keeps the pinned files and the licences, and
/// clears the rest away.
fn install(out: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let folder = out.join("npm");
    create_empty(&folder)?;
    for file in ["package.json", "package-lock.json"] {
        copy(Path::new(file), &folder.join(file))?;
    }
    npm_ci(&folder)?;

    let kept = out.join("files");
    create_empty(&kept)?;
    let modules = folder.join("node_modules");
    let mut files = Vec::new();
    for file in PINNED_FILES {
        let name = file.path.rsplit('/').next().expect("a split has a last part");
        copy(&modules.join(file.package).join(file.path), &kept.join(name))?;
        files.push((file.specifier(), kept.join(name)));
    }
    let licences = kept.join("licences.txt");
    write(&licences, &licences_of(&modules)?)?;
    files.push(("licences.txt".to_owned(), licences));
    fs::remove_dir_all(&folder).map_err(|error| blame("clear", &folder, &error))?;
    Ok(files)
}

/// Runs `npm ci`: exactly the lock file's versions, none of the packages' own scripts.
fn npm_ci(folder: &Path) -> Result<(), String> {
    let log = folder.join("npm.log");
    let output = fs::File::create(&log).map_err(|error| blame("create", &log, &error))?;
    let mut npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
        .args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .map_err(|error| {
            // An npm that comes later is on another PATH.
            println!("cargo::rerun-if-env-changed=PATH");
            format!("npm does not run ({error})")
        })?;
    let started = Instant::now();
    loop {
        match npm.try_wait().map_err(|error| format!("npm cannot be waited for ({error})"))? {
            Some(status) if status.success() => return Ok(()),
            Some(_) => {
                let log = fs::read_to_string(&log).unwrap_or_default();
                let lines = log.lines().filter(|line| !line.contains("complete log"));
                let said = lines.map(|line| line.trim_start_matches("npm error").trim());
                let said = said.filter(|line| !line.is_empty()).take(2).collect::<Vec<_>>();
                return Err(format!("npm ci failed ({})", said.join(", ")));
            }
            None if started.elapsed() > PATIENCE => {
                let _ = npm.kill();
                let _ = npm.wait();
                return Err(format!("npm ci did not end within {} s", PATIENCE.as_secs()));
            }
            None => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// The licence texts of the packages, which the browser bundle contains and which want to go along with it.
fn licences_of(modules: &Path) -> Result<String, String> {
    let mut text = String::from("GraphiQL is embedded with the packages that it is built of.\n");
    for package in packages_in(modules)? {
        let mut names = entries(&package)?;
        names.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
            path.is_file() && (name.starts_with("LICEN") || name.starts_with("COPYING"))
        });
        let name = package.strip_prefix(modules).unwrap_or(&package).to_string_lossy();
        for path in names {
            let licence =
                fs::read_to_string(&path).map_err(|error| blame("read", &path, &error))?;
            let _ = write!(text, "\n==== {name}\n\n{}\n", licence.trim());
        }
    }
    Ok(text)
}

/// The folders of the packages, `@scope/name` included, in order.
fn packages_in(modules: &Path) -> Result<Vec<PathBuf>, String> {
    let mut packages = Vec::new();
    for path in entries(modules)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match name {
            scope if scope.starts_with('@') => packages.extend(entries(&path)?),
            hidden if hidden.starts_with('.') => {}
            _ => packages.push(path),
        }
    }
    Ok(packages)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| blame("list", folder, &error))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>();
    paths.sort();
    Ok(paths)
}

/// The Rust that embeds the files: one list of assets.
fn embed(files: &[(String, PathBuf)]) -> String {
    let mut code = String::from("&[\n");
    for (specifier, path) in files {
        let content_type = match path.extension().and_then(|extension| extension.to_str()) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        };
        let _ = writeln!(
            code,
            "    Asset {{ path: \"/playground/{specifier}\", content_type: {content_type:?}, bytes: include_bytes!({:?}) }},",
            path.to_string_lossy(),
        );
    }
    code.push_str("]\n");
    code
}

fn create_empty(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| blame("clear", folder, &error))?;
    }
    fs::create_dir_all(folder).map_err(|error| blame("create", folder, &error))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| blame("copy", from, &error))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| blame("write", path, &error))
}

fn blame(verb: &str, path: &Path, error: &std::io::Error) -> String {
    format!("cannot {verb} {} ({error})", path.display())
}
