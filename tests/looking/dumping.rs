//! Files and folders read out of a snapshot as bytes.

use super::*;

#[test]
fn a_folder_is_dumped_as_an_archive_that_tar_and_unzip_read_back() {
    for machine in both() {
        for name in NAMES {
            write(&machine, name, &format!("content of {name}"));
        }
        symlink("gl*ob", machine.folder().join("home/link")).unwrap();
        let id = back_up(&machine);
        let home = at(&machine, "home");
        let (code, tar, said) = bytes(&machine, &["dump", &id, &home]);
        assert_eq!(code, 0, "{said}");
        let archive = machine.folder().join("home.tar");
        fs::write(&archive, tar).unwrap();
        let out = machine.folder().join("untarred");
        fs::create_dir(&out).unwrap();
        let unpacked = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&out).status();
        assert!(unpacked.unwrap().success());
        let inside = files(&out);
        for name in NAMES {
            let path =
                inside.iter().find(|path| path.ends_with(name)).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(fs::read_to_string(out.join(path)).unwrap(), format!("content of {name}"));
        }

        let saved = machine.ask(&[
            "download",
            &id,
            &home,
            "--format",
            "zip",
            "--to",
            machine.folder().to_str().unwrap(),
        ]);
        let zip = at(&machine, "home.zip");
        assert_eq!((saved["path"].as_str(), saved["format"].as_str()), (Some(&*zip), Some("zip")));
        assert_eq!(saved["bytes"], fs::metadata(&zip).unwrap().len());
        let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
                      for n in z.namelist():\n    print(repr(z.read(n)))";
        let read = Command::new("python3").args(["-c", script, &zip]).output().unwrap();
        let read = String::from_utf8(read.stdout).unwrap();
        assert!(read.contains("content of back\\\\slash") && read.contains("[x]?"), "{read}");

        let again = machine.cli(&["download", &id, &home, "--format", "zip", "--to", &zip]);
        assert_eq!(again.refused(), "exists");
        let file = format!("{home}/!bang");
        assert_eq!(machine.cli(&["dump", &id, &file, "--format", "tar"]).refused(), "invalid");
        let link = machine.cli(&["dump", &id, &format!("{home}/link")]);
        assert!(link.error()["message"].as_str().unwrap().contains("symlink"), "{link:?}");
        assert_eq!(link.code, 1);
    }
}

/// Another content of the same length.
fn damage(file: &Path) {
    let mut permissions = fs::metadata(file).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(file, permissions).unwrap();
    let mut content = fs::read(file).unwrap();
    let half = content.len() / 2;
    content[..half].fill(0);
    fs::write(file, content).unwrap();
}

#[test]
fn a_dump_that_breaks_off_is_exit_1_and_a_download_leaves_nothing() {
    for machine in both() {
        let large: Vec<u8> =
            (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        fs::write(machine.folder().join("home/large"), &large).unwrap();
        let id = back_up(&machine);
        let path = format!("{}/large", at(&machine, "home"));
        let (code, content, said) = bytes(&machine, &["dump", &id, &path]);
        assert!(code == 0 && content == large, "{said}");
        // All packs but the smallest, which has the folders.
        let mut packs: Vec<_> = files(&machine.folder().join("vault/data")).into_iter().collect();
        packs.sort_by_key(|pack| {
            fs::metadata(machine.folder().join("vault/data").join(pack)).unwrap().len()
        });
        for pack in &packs[1..] {
            damage(&machine.folder().join("vault/data").join(pack));
        }
        let (code, content, said) = bytes(&machine, &["dump", &id, &path]);
        assert_eq!(code, 1, "{} bytes: {said}", content.len());
        assert!(said.contains("not whole"), "{said}");
        let to = at(&machine, "saved");
        assert_eq!(machine.cli(&["download", &id, &path, "--to", &to]).refused(), "cut-short");
        let left = fs::read_dir(machine.folder()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left
            .filter(|name| {
                name.to_string_lossy().contains("saved")
                    || name.to_string_lossy().starts_with(".holdfast")
            })
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// The processes whose parent is the daemon.
fn children(machine: &Machine) -> Vec<String> {
    let parent = machine.pid().unwrap().to_string();
    let stat = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("stat")).ok();
    let stats = fs::read_dir("/proc").unwrap().filter_map(|entry| stat(entry.unwrap()));
    let of_daemon = |stat: &String| {
        stat.rsplit(')').next().unwrap().split_whitespace().nth(1) == Some(&*parent)
    };
    stats.filter(of_daemon).collect()
}

#[test]
fn a_reader_that_goes_ends_restic() {
    for machine in both() {
        let noise: Vec<u8> =
            (0..8_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        fs::write(machine.folder().join("home/large"), noise).unwrap();
        let id = back_up(&machine);
        let path = format!("{}/large", at(&machine, "home"));
        let mut dump =
            cli(&machine).args(["dump", &id, &path]).stdout(Stdio::piped()).spawn().unwrap();
        let mut some = [0; 1000];
        dump.stdout.as_mut().unwrap().read_exact(&mut some).unwrap();
        assert_eq!(children(&machine).len(), 1, "restic waits for its reader");
        dump.kill().unwrap();
        dump.wait().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !children(&machine).is_empty() {
            assert!(Instant::now() < deadline, "{:?}", children(&machine));
            std::thread::yield_now();
        }
    }
}
