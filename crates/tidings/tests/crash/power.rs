//! G5: what was acknowledged is there after the power was lost, whole and once.
//!
//! The writer works on a file system in a file. It is stopped, and the file is
//! copied: the copy has what was synced, not what was only in the page cache,
//! which is what a disk has after a power cut. It models unsynced pages that are
//! lost, not a disk that lies. The next writer goes on with the copy.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tidings::testing::blocks::splitmix;

use crate::children::Running;
use crate::killed::{Acknowledged, look, lost};

/// Power cuts.
const ROUNDS: u64 = if cfg!(feature = "soak") { 500 } else { 24 };
/// So many in the life of one log.
const ROUNDS_PER_LOG: u64 = 4;
/// Power cuts of a writer whose syncs are left out.
const UNSYNCED_ROUNDS: u64 = 3;
/// What decides when each power cut comes; printed on failure, set it to replay.
const SEED: u64 = 1;
/// No writer takes longer from one block to the next.
const LINE_MAX: Duration = Duration::from_secs(30);
/// The kernel writes by itself what is older than half a minute; these options
/// keep the journal from taking it along before.
const MOUNT_OPTIONS: &str = "loop,commit=300";

/// A file system in a file, mounted beside it; unmounted when dropped.
struct Disk {
    image: PathBuf,
    mounted: PathBuf,
}

impl Disk {
    fn make(dir: &Path, name: &str) -> Disk {
        let image = dir.join(name);
        std::fs::File::create_new(&image).unwrap().set_len(64 * 1024 * 1024).unwrap();
        // Else the kernel goes on to write the empty tables in the background.
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"])
            .arg(&image));
        Disk::mount(image)
    }

    fn mount(image: PathBuf) -> Disk {
        let mounted = image.with_extension("mounted");
        std::fs::create_dir(&mounted).unwrap();
        run(Command::new("mount").args(["-o", MOUNT_OPTIONS]).arg(&image).arg(&mounted));
        Disk { image, mounted }
    }

    fn data(&self) -> PathBuf {
        self.mounted.join("data")
    }

    /// What is on the disk now, without what only the page cache has.
    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.image.with_file_name(name);
        run(Command::new("cp").arg("--sparse=always").arg(&self.image).arg(&copy));
        copy
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.mounted).output();
        if !unmounted.is_ok_and(|output| output.status.success()) {
            eprintln!("{} could not be unmounted", self.mounted.display());
        }
        // The next round does not need it, and a failure has told what it needs.
        let _ = std::fs::remove_dir(&self.mounted);
        let _ = std::fs::remove_file(&self.image);
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
}

pub(crate) fn what_was_acknowledged_survives_power_loss() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(why) = cannot(dir.path()) {
        eprintln!("skipped: what_was_acknowledged_survives_power_loss {why}");
        return;
    }
    // Mounts of a namespace of its own end with it, whatever kills whom.
    let mut apart = Command::new("unshare");
    apart.arg("--mount").arg(std::env::current_exe().unwrap());
    let ended = apart.arg("lose-power").arg(dir.path()).status().unwrap();
    assert!(ended.success(), "see above");
}

/// What is missing here to lose power on purpose.
fn cannot(dir: &Path) -> Option<String> {
    let script = "truncate -s 8M \"$0/probe\" && mkfs.ext4 -q -F \"$0/probe\" && \
        mkdir \"$0/probe.d\" && mount -o loop \"$0/probe\" \"$0/probe.d\" && \
        umount \"$0/probe.d\" && strace -qq -o /dev/null true";
    let tried = Command::new("unshare").args(["--mount", "sh", "-c", script]).arg(dir).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "needs mkfs.ext4, strace, and the right to mount a loop device (root): {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Some(format!("needs unshare: {error}")),
    }
}

/// Loses power again and again, in this directory.
pub(crate) fn lose_power(dir: &Path) {
    println!("seed {SEED}");
    let mut state = SEED;
    let mut round = 0;
    let mut blocks = 0;
    while round < ROUNDS {
        blocks += live_through(dir, &mut round, &mut state);
    }
    assert!(blocks > 10 * ROUNDS, "{blocks} blocks prove little");
    let lost: usize = (0..UNSYNCED_ROUNDS).map(|round| lose_unsynced(dir, round)).sum();
    assert!(lost > 0, "without syncs nothing was lost either, so this test proves nothing");
    println!("{ROUNDS} power cuts lost none of {blocks} blocks; {lost} unsynced ones were lost");
}

/// The life of one log, over several power cuts. Returns how many blocks were
/// acknowledged.
fn live_through(dir: &Path, round: &mut u64, state: &mut u64) -> u64 {
    let mut acknowledged = Vec::new();
    let mut disk = Disk::make(dir, &format!("{round}.new"));
    for age in 0..ROUNDS_PER_LOG {
        *round += 1;
        let data = disk.data();
        let args = ["append", data.to_str().unwrap(), &round.to_string()];
        let child = Running::start(&args);
        // The first cut comes while the log is being made.
        let mut said = hear(&child, if age == 0 { 0 } else { splitmix(state) % 60 }, state);
        child.stop();
        let copy = disk.copy(&format!("{round}.img"));
        // What it said before it was stopped was still on the way.
        said.extend(child.kill());
        acknowledged.extend(said.iter().map(|line| Acknowledged::heard(*round, line)));
        disk = Disk::mount(copy);
        // Every other time the next writer recovers, and may lose power at it.
        if round.is_multiple_of(2) {
            look(&disk.data(), &acknowledged, &format!("seed {SEED}, round {round}"));
        }
    }
    acknowledged.len() as u64
}

/// So many lines, and then what comes in some moments until the power cut.
fn hear(child: &Running, lines: u64, state: &mut u64) -> Vec<String> {
    let hear = |_| child.lines().recv_timeout(LINE_MAX).unwrap();
    let mut said: Vec<String> = (0..lines).map(hear).collect();
    let moment = Duration::from_micros(splitmix(state) % 20_000);
    said.extend(child.lines().recv_timeout(moment));
    said
}

/// The same with a writer whose syncs do nothing. Returns how many blocks that it
/// believed to be durable were lost.
fn lose_unsynced(dir: &Path, round: u64) -> usize {
    let disk = Disk::make(dir, &format!("{round}.unsynced"));
    // An empty log that was synced: what is lost are blocks, not a whole directory.
    look(&disk.data(), &[], "a new log");
    let calls = "fsync,fdatasync,sync_file_range,msync";
    let mut traced = Command::new("strace");
    // The tracer must not be what is killed: the writer would go on without it.
    traced.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
    traced.args(["-e", &format!("inject={calls}:retval=0")]);
    traced.arg(std::env::current_exe().unwrap()).arg("append");
    traced.arg(disk.data()).arg(round.to_string());
    let child = Running::start_as(&mut traced);
    let said: Vec<Acknowledged> =
        hear(&child, 20, &mut 0).iter().map(|line| Acknowledged::heard(round, line)).collect();
    child.stop();
    let copy = disk.copy(&format!("{round}.unsynced.img"));
    child.kill();
    lost(&Disk::mount(copy).data(), &said)
}
