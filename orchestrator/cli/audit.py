"""`govcloud audit`: export a signed head, verify the whole chain."""

import typer

from orchestrator.cli.machine import database

app = typer.Typer(no_args_is_help=True, help="The hash-chained audit.")


@app.command()
def export() -> None:
    """Sign the head of the chain and append it to the file of heads."""
    from orchestrator.adapters.audit_heads import append_head
    from orchestrator.core import audit
    from orchestrator.core.sealing import load_keys
    from orchestrator.settings import Settings

    settings = Settings()
    with database() as session:
        head = audit.head(session)
    append_head(settings.heads_file, load_keys(settings.keys_path), head)
    typer.echo(f"Head {head.seq} is in {settings.heads_file}.")


@app.command()
def verify() -> None:
    """Verify the chain against itself and the exported heads; exit code 1 if anything is wrong."""
    from orchestrator.adapters.audit_heads import read_heads
    from orchestrator.core import audit
    from orchestrator.core.sealing import load_keys
    from orchestrator.settings import Settings
    from orchestrator.workflows.billing import month_close

    settings = Settings()
    heads = read_heads(settings.heads_file, load_keys(settings.keys_path))
    with database() as session:
        findings = audit.verify(session, heads.signed)
        altered = month_close.altered_statements(session)
        last = audit.head(session).seq
    for number in altered:
        typer.echo(f"statement {number} no longer says what was issued", err=True)
    for finding in findings:
        typer.echo(f"event {finding.seq}: {finding.problem}", err=True)
    for line in heads.torn:
        typer.echo(f"line {line} of the heads was written incompletely; it proves nothing", err=True)
    after = last - max((head.seq for head in heads.signed), default=0)
    typer.echo(f"{last} events, {len(heads.signed)} signed heads, {after} events after the last head.")
    if findings or altered:
        raise typer.Exit(1)
    typer.echo("The chain is whole.")
