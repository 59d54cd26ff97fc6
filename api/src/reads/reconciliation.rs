//! Reconciliation: statement files, their lines, breaks.

use daybook_projections::ReadModels;
use daybook_projections::models::breaks::BreakRow;
use daybook_projections::models::statements::{StatementFileRow, StatementLineRow};
use daybook_projections::queries::Page;

use super::build::{Section, list};
use super::merchants::numbered;
use super::question::{Kind, Parameter, Question};
use crate::access::Permission::ReadBooks;
use crate::endpoint::Endpoint;
use crate::problem::{NOT_FOUND, Problem};

const PROVIDER: Parameter =
    Parameter::new("provider", Kind::Id, "Only those of this provider or bank account");
const OPEN: Parameter = Parameter::new("open", Kind::Flag, "Only those that are open");

const RECONCILIATION: Section = Section { tag: "Reconciliation", permission: ReadBooks };

pub(super) fn endpoints() -> Vec<Endpoint> {
    let as_it_is = "A row is as it is when its page is asked for.";
    vec![
        list(
            RECONCILIATION.about(
                "statement_files",
                "/v1/providers/{provider}/statements",
                "Statement files of a provider or bank account, the earliest period first",
                as_it_is,
                &[],
            ),
            files,
        ),
        list(
            RECONCILIATION.about(
                "statement_lines",
                "/v1/providers/{provider}/statements/{digest}/lines",
                "The lines of a statement file, with what came of each",
                "In the order in which they were recorded.",
                &[],
            ),
            lines,
        ),
        list(
            RECONCILIATION.about(
                "breaks",
                "/v1/breaks",
                "What statements and the books do not agree on, the oldest first",
                as_it_is,
                &[PROVIDER, OPEN],
            ),
            breaks,
        ),
    ]
}

fn files(models: &ReadModels, asked: &Question) -> Result<Page<StatementFileRow>, Problem> {
    Ok(models.statement_files(asked.path("provider"), asked.after.as_deref(), asked.limit)?)
}

fn lines(models: &ReadModels, asked: &Question) -> Result<Page<StatementLineRow>, Problem> {
    let (provider, digest) = (asked.path("provider"), asked.path("digest"));
    if models.statement_file(provider, digest)?.is_none() {
        return Err(Problem::new(NOT_FOUND, format!("no statement {digest} of {provider}")));
    }
    let read = |after: u64, limit| {
        models.statement_lines(provider, digest, i64::try_from(after).unwrap_or(i64::MAX), limit)
    };
    numbered(asked, read, |line| line.number)
}

fn breaks(models: &ReadModels, asked: &Question) -> Result<Page<BreakRow>, Problem> {
    Ok(models.breaks(asked.get("provider"), asked.flag("open"), asked.after.as_deref(), asked.limit)?)
}
