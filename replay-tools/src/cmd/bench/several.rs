//! (a) again, from several processes that write one journal in PostgreSQL at once: this program, started that often.
//!
//! What is measured is the journal with a command handler on it. A market is one process: what it keeps in memory no other one
//! may change. Each process pays into deposits of its own, as processes would that share a market's streams out among them;
//! the order of positions, and with it the lock of the head, is one for all.

use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use daybook_journal::postgres::baseline::Scratch;

use super::Size;
use super::deposits;
use super::figure::{Figure, Row};
use super::load::{Load, Watch};
use super::postgres::SYNCED;
use super::room::{Ground, failed, median, per_second};
use crate::cli::{Global, Url};
use crate::failure::Failure;

/// How many at once. The first is what the others stand beside: it shares the journal as they do, and does without what only a
/// process that has it alone may rest on.
const PROCESSES: [usize; 3] = [1, 2, 4];
const ONE: &str = "one process that shares the journal";

/// Reads `FIRST..END`.
pub fn streams(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(first, end)| Some(first.parse().ok()?..end.parse().ok()?));
    range.ok_or_else(|| "write FIRST..END".to_owned())
}

/// What one of the processes does: makes its deposits, then for each line `SEED COUNT IN_FLIGHT` the payments, says that it is
/// ready, and makes them when it is told to.
pub fn serve(global: &Global, streams: Range<u64>) -> Result<(), Failure> {
    let Url::Postgres(url) = &global.journal else {
        return Err(Failure::Usage("--process is for a journal in PostgreSQL".to_owned()));
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let ground = Ground::shared_in_postgres(url, false)?;
    deposits::prepare(&runtime, &ground.commands, streams.clone())?;
    say("prepared")?;
    let mut lines = std::io::stdin().lines();
    while let Some(line) = lines.next().transpose().map_err(failed)? {
        let mut words = line.split(' ').map(str::parse::<u64>);
        let (Some(Ok(seed)), Some(Ok(count)), Some(Ok(in_flight))) =
            (words.next(), words.next(), words.next())
        else {
            return Err(failed(format!("{line:?} asks for nothing")));
        };
        let requests = deposits::payments(seed, count as usize, streams.clone());
        let commits = ground.clock.commits();
        say("ready")?;
        if lines.next().transpose().map_err(failed)?.is_none() {
            break;
        }
        deposits::execute(&runtime, &ground.commands, requests, in_flight as usize)?;
        say(&(ground.clock.commits() - commits).to_string())?;
    }
    Ok(())
}

fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(failed)
}

/// One of the processes. Dropped, it ends.
struct Process {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Process {
    fn start(url: &str, streams: &Range<u64>) -> Result<Self, Failure> {
        let mut program = Command::new(std::env::current_exe().map_err(failed)?);
        program.args(["bench", "--process"]).arg(format!("{}..{}", streams.start, streams.end));
        // not in an argument: it may hold a password, which any user of the machine could see there
        program.env("DAYBOOK_JOURNAL", url).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = program.spawn().map_err(failed)?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let (Some(to), Some(from)) = (to, from) else { return Err(failed("a process has no pipes")) };
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    fn tell(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.to, "{line}").map_err(|error| failed(format!("a process has ended ({error})")))
    }

    fn hear(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) => Err(failed("a process has ended; what it said stands above")),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the runs with so many processes gave, by commands in flight.
#[derive(Default)]
struct Level {
    rates: Vec<f64>,
    commands: u64,
    commits: u64,
    load: Load,
}

/// The same for each number of processes.
#[derive(Default)]
pub struct Several([Vec<Level>; PROCESSES.len()]);

impl Several {
    /// Measures once, each number of processes in a database of its own.
    pub fn measure(&mut self, url: &str, run: u64, size: &Size) -> Result<(), Failure> {
        for (levels, processes) in self.0.iter_mut().zip(PROCESSES) {
            levels.resize_with(size.in_flight.len(), Level::default);
            let scratch = Scratch::on(url)?;
            // the tables are there before anybody else comes
            drop(Ground::in_postgres(&scratch.url)?);
            let share = |n: usize| size.streams * n as u64 / processes as u64;
            let start = |n| Process::start(&scratch.url, &(share(n)..share(n + 1)));
            let mut started = (0..processes).map(start).collect::<Result<Vec<_>, _>>()?;
            started.iter_mut().try_for_each(|process| process.hear().map(drop))?;
            for (n, (in_flight, count)) in size.in_flight.iter().enumerate().rev() {
                if *in_flight < processes {
                    continue;
                }
                let (each, share) = (in_flight / processes, count / processes);
                for (at, process) in started.iter_mut().enumerate() {
                    let seed = run * 100 + (n as u64 + 1) * 10 + at as u64;
                    process.tell(&format!("{seed} {share} {each}"))?;
                }
                started.iter_mut().try_for_each(|process| process.hear().map(drop))?;
                let watch = Watch::start();
                let began = Instant::now();
                started.iter_mut().try_for_each(|process| process.tell("go"))?;
                let level = &mut levels[n];
                for process in &mut started {
                    level.commits += process.hear()?.parse::<u64>().map_err(failed)?;
                }
                level.rates.push(per_second(share * processes, began.elapsed()));
                level.commands += (share * processes) as u64;
                level.load = std::mem::take(&mut level.load).and(&watch.stop());
            }
        }
        Ok(())
    }

    /// Adds its rows: of each number of processes beside those of one, with as many commands in flight.
    pub fn show(&self, size: &Size, figure: &mut Figure) {
        let ones: Vec<_> = self.0[0].iter().map(|level| median(level.rates.clone())).collect();
        for (levels, processes) in self.0.iter().zip(PROCESSES) {
            for ((level, (in_flight, _)), one) in levels.iter().zip(size.in_flight).zip(&ones) {
                if *in_flight < processes {
                    continue;
                }
                let batch = level.commands as f64 / level.commits.max(1) as f64;
                let all = in_flight / processes * processes;
                let what = if processes == 1 {
                    format!("the same from {ONE}")
                } else {
                    format!("the same from {processes} processes, each with streams of its own")
                };
                let row = Row::rate(what, "commands/s", median(level.rates.clone()));
                let row = row.under(batch, all as u64, SYNCED);
                figure.rows.push(if processes == 1 { row } else { row.against(ONE, *one) });
            }
            if let Some(level) = levels.last() {
                let cores = level.load.others();
                let who = if processes == 1 { ONE.to_owned() } else { format!("{processes} processes") };
                figure.limited_by.push(format!(
                    "{who}, most in flight: {cores:.1} cores in use, the server's among them, and one transaction at a time \
                     holds the head"
                ));
            }
        }
    }
}
