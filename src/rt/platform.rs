//! What a real-time thread asks of the kernel: SCHED_FIFO, one CPU, memory locked, stack touched, no deep sleep.
//!
//! Every refusal is a warning with its remedy and never fatal: without real time the same program runs,
//! with more missed cycles.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use cellwright_model::DurationNs;

/// Stack of the real-time thread: the frames of bring-up included.
pub const STACK_BYTES: usize = 8 << 20;
/// Left below the touched part for what runs on top of it.
const STACK_MARGIN: usize = 512 << 10;

/// While it is held open, no core sleeps more deeply than the microseconds written to it permit
/// (Documentation/power/pm_qos_interface.rst).
pub const DMA_LATENCY: &str = "/dev/cpu_dma_latency";

/// Capability to lock memory beyond the limit (linux/capability.h).
const CAP_IPC_LOCK: u32 = 14;

/// What is wanted for the calling thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RealTime {
    /// SCHED_FIFO priority, 1 to 99: above the interrupt threads of others, below those of the NIC.
    pub priority: i32,
    /// CPU to stay on.
    pub cpu: Option<usize>,
    pub lock_memory: bool,
}

impl Default for RealTime {
    fn default() -> RealTime {
        RealTime { priority: 80, cpu: None, lock_memory: true }
    }
}

/// What the kernel did not give.
#[derive(Debug)]
pub enum PlatformWarning {
    /// SCHED_FIFO was refused.
    Scheduling { priority: i32, cause: io::Error },
    /// The thread is not pinned.
    Pinning { cpu: usize, cause: io::Error },
    /// Memory is not locked at all.
    MemoryLock { cause: io::Error },
    /// Only what is there now is locked: the limit does not permit more.
    MemoryLockedInPart { limit_bytes: u64 },
    /// Cores may sleep deeply between cycles.
    DeepSleep { cause: io::Error },
    /// The kernel is not PREEMPT_RT.
    Kernel,
}

impl core::fmt::Display for PlatformWarning {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            PlatformWarning::Scheduling { priority, cause } => write!(
                f,
                "no real-time scheduling (SCHED_FIFO {priority}): {cause}; allow it with `@users - rtprio {priority}` \
                 in /etc/security/limits.d/ and a new login, or run with CAP_SYS_NICE"
            ),
            PlatformWarning::Pinning { cpu, cause } => {
                write!(f, "not pinned to CPU {cpu}: {cause}; choose a CPU that is online and permitted (taskset -p)")
            }
            PlatformWarning::MemoryLock { cause } => write!(
                f,
                "memory is not locked: {cause}; allow it with `@users - memlock unlimited` in \
                 /etc/security/limits.d/ and a new login, or run with CAP_IPC_LOCK"
            ),
            PlatformWarning::MemoryLockedInPart { limit_bytes } => write!(
                f,
                "only the present memory is locked, the limit is {} KiB; allow all with `@users - memlock unlimited` \
                 in /etc/security/limits.d/ and a new login",
                limit_bytes / 1024
            ),
            PlatformWarning::DeepSleep { cause } => write!(
                f,
                "cores may sleep deeply between cycles, {DMA_LATENCY}: {cause}; allow it with a udev rule, \
                 `KERNEL==\"cpu_dma_latency\", GROUP=\"users\", MODE=\"0660\"`, or boot with `processor.max_cstate=1`"
            ),
            PlatformWarning::Kernel => f.write_str(
                "the kernel is not PREEMPT_RT: cycles may be missed under load; boot a real-time kernel for production",
            ),
        }
    }
}

/// Prepares the calling thread. It must have a stack of [`STACK_BYTES`]. Returns what was refused.
pub fn prepare(wanted: &RealTime) -> Vec<PlatformWarning> {
    let mut warnings = Vec::new();
    if !is_preempt_rt() {
        warnings.push(PlatformWarning::Kernel);
    }
    if let Some(cpu) = wanted.cpu
        && let Err(cause) = pin(cpu)
    {
        warnings.push(PlatformWarning::Pinning { cpu, cause });
    }
    if wanted.lock_memory {
        warnings.extend(lock_memory());
    }
    touch_stack(STACK_BYTES - STACK_MARGIN);
    least_timer_slack();
    warnings.extend(keep_awake());
    if let Err(cause) = fifo(wanted.priority) {
        warnings.push(PlatformWarning::Scheduling { priority: wanted.priority, cause });
    }
    warnings
}

/// What the kernel says that a thread has, whatever was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// Its SCHED_FIFO priority; `None` with any other policy.
    pub fifo_priority: Option<i32>,
    /// Memory of the process that is locked.
    pub locked_bytes: u64,
    /// Memory of the process that is there.
    pub resident_bytes: u64,
}

/// Reads back what the calling thread was given.
pub fn granted() -> Granted {
    let mut parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread; `parameters` is valid to write to.
    let policy = unsafe {
        libc::sched_getparam(0, &mut parameters);
        libc::sched_getscheduler(0)
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |key: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(key));
        line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
    };
    Granted {
        fifo_priority: (policy & !libc::SCHED_RESET_ON_FORK == libc::SCHED_FIFO)
            .then_some(parameters.sched_priority),
        locked_bytes: kib("VmLck:") * 1024,
        resident_bytes: kib("VmRSS:") * 1024,
    }
}

/// Runs `f` on a new thread with a stack of [`STACK_BYTES`], prepared as `wanted`; `f` gets the warnings.
///
/// Errors: the system has no room for a thread.
pub fn spawn<T: Send + 'static>(
    name: &str,
    wanted: RealTime,
    f: impl FnOnce(Vec<PlatformWarning>) -> T + Send + 'static,
) -> io::Result<std::thread::JoinHandle<T>> {
    let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
    thread.spawn(move || f(prepare(&wanted)))
}

/// Whether the kernel says that it is PREEMPT_RT.
pub fn is_preempt_rt() -> bool {
    std::fs::read_to_string("/sys/kernel/realtime").is_ok_and(|s| s.trim() == "1")
}

fn done(rc: libc::c_int) -> io::Result<()> {
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn fifo(priority: i32) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: 0 is the calling thread; `parameters` is valid for the call.
    done(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameters) })
}

fn pin(cpu: usize) -> io::Result<()> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: a CPU set is plain bits; all zero is the empty one.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    // SAFETY: `set` is valid, and `cpu` is below its size by the check above.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: 0 is the calling thread; `set` is valid for the call and has the size given.
    done(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) })
}

/// Locks present and future memory. With a limit below the whole, future memory is left unlocked: an
/// allocation beyond the limit would fail.
fn lock_memory() -> Option<PlatformWarning> {
    let limit = memory_lock_limit();
    let whole = limit.is_none() || has_capability(CAP_IPC_LOCK);
    let flags = if whole { libc::MCL_CURRENT | libc::MCL_FUTURE } else { libc::MCL_CURRENT };
    // SAFETY: mlockall takes flags only and changes no memory.
    match done(unsafe { libc::mlockall(flags) }) {
        Err(cause) => Some(PlatformWarning::MemoryLock { cause }),
        Ok(()) if whole => None,
        Ok(()) => limit.map(|limit_bytes| PlatformWarning::MemoryLockedInPart { limit_bytes }),
    }
}

/// RLIMIT_MEMLOCK; `None` for no limit.
fn memory_lock_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit to write to.
    let rc = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) };
    (rc != 0 || limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Whether the calling thread has an effective capability.
fn has_capability(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let effective = status.lines().find_map(|l| l.strip_prefix("CapEff:")).map(str::trim);
    effective.and_then(|hex| u64::from_str_radix(hex, 16).ok()).is_some_and(|set| set >> number & 1 == 1)
}

/// Without SCHED_FIFO a sleep may end late by the timer slack, 50 µs by default.
fn least_timer_slack() {
    // SAFETY: PR_SET_TIMERSLACK takes a number of nanoseconds and touches no memory of ours.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
}

thread_local! {
    /// [`DMA_LATENCY`], held open until the thread ends.
    static AWAKE: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// Keeps the cores from sleeping deeply for as long as the thread lives: waking from there takes up to hundreds of
/// microseconds. A kernel without that file manages no sleep, or not this way.
fn keep_awake() -> Option<PlatformWarning> {
    let opened = OpenOptions::new().write(true).open(DMA_LATENCY);
    let held = opened.and_then(|mut file| file.write_all(&0i32.to_ne_bytes()).map(|()| file));
    match held {
        Ok(file) => {
            AWAKE.with(|awake| *awake.borrow_mut() = Some(file));
            None
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
        Err(cause) => Some(PlatformWarning::DeepSleep { cause }),
    }
}

/// Writes to every page of the stack below, so that no page fault comes while armed.
#[inline(never)]
fn touch_stack(bytes: usize) {
    const CHUNK: usize = 64 << 10;
    let mut chunk = [0u8; CHUNK];
    for page in chunk.chunks_mut(4096) {
        page[0] = core::hint::black_box(1);
    }
    if bytes > CHUNK + 1024 {
        touch_stack(bytes - CHUNK - 1024);
    }
    core::hint::black_box(&mut chunk);
}

/// Minor and major page faults of the calling thread so far, for budgets.
pub fn page_faults() -> u64 {
    // SAFETY: rusage is plain numbers; all zero is a valid one.
    let mut usage: libc::rusage = unsafe { core::mem::zeroed() };
    // SAFETY: `usage` is a valid rusage to write to.
    let rc = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
    if rc == 0 { (usage.ru_minflt + usage.ru_majflt) as u64 } else { 0 }
}

/// CPU time of the calling thread, for budgets that the load of the machine must not change.
pub fn thread_cpu_time() -> DurationNs {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is a valid timespec to write to; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut ts) };
    DurationNs(ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_warning_with_a_remedy() {
        let warnings = spawn("rt-test", RealTime { cpu: Some(100_000), ..RealTime::default() }, |w| {
            w.iter().map(ToString::to_string).collect::<Vec<_>>()
        });
        let warnings = warnings.unwrap().join().unwrap();
        assert!(warnings.iter().any(|w| w.contains("not pinned") && w.contains("taskset")), "{warnings:?}");
    }

    #[test]
    fn after_touching_the_stack_its_pages_are_there() {
        let faults = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(|| {
            touch_stack(STACK_BYTES - STACK_MARGIN);
            let before = page_faults();
            touch_stack((STACK_BYTES - STACK_MARGIN) / 2);
            page_faults() - before
        });
        assert_eq!(faults.unwrap().join().unwrap(), 0);
    }
}
