"""`govcloud login`, `logout`, `whoami`, `quote`: sign in, and price a request."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.showing import AsJson, cny, print_json, print_table


def login(
    username: Annotated[str | None, typer.Argument(help="Your user name; prompted for if omitted.")] = None,
    url: Annotated[str | None, typer.Option(help="Address of the service.", envvar="GOVCLOUD_URL")] = None,
    days: Annotated[float, typer.Option(min=0.01, max=365, help="Days until the token expires.")] = 1,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read it from standard input.")
    ] = False,
) -> None:
    """Sign in and store a token in your own configuration (mode 0600); the password is not stored."""
    from orchestrator.cli.connection import keep_login, login_path, service_url
    from orchestrator.client.api import sign_in

    address = (url or service_url()).rstrip("/")
    name = username or typer.prompt("User name")
    secret = (
        sys.stdin.readline().rstrip("\n") if password_stdin else typer.prompt("Password", hide_input=True)
    )
    token = sign_in(address, name, secret, name="command line", days=days)
    keep_login({"url": address, "username": name, "token": token})
    typer.echo(f"Signed in at {address} as {name}; the token is in {login_path()}.")


def logout() -> None:
    """Delete the token that `login` stored; the token itself stays valid until it expires."""
    from orchestrator.cli.connection import forget_login

    forget_login()
    typer.echo("Signed out.")


def whoami(as_json: AsJson = False) -> None:
    """Show your account, roles and permissions."""
    from orchestrator.cli.connection import signed_in
    from orchestrator.cli.showing import show_fields

    with signed_in() as client:
        person = client.read_me()
    listed = (
        ("roles", lambda me: ", ".join(me.roles)),
        ("permissions", lambda me: ", ".join(me.permissions)),
    )
    show_fields(person, ("name", "name_en", "organisation", *listed), as_json=as_json)


def quote(
    file: Annotated[Path, typer.Argument(help="A request as YAML or JSON.")], as_json: AsJson = False
) -> None:
    """Price the hosts of a request; nothing is stored."""
    from orchestrator.cli.connection import signed_in
    from orchestrator.cli.request_files import read_request
    from orchestrator.client.models import QuoteBody

    draft = read_request(file)
    with signed_in() as client:
        price = client.quote_lines(QuoteBody(lines=draft.lines))
    if as_json:
        print_json(price)
        return
    rows = [(line.sku, line.quantity, cny(line.price_fen or 0), cny(line.amount_fen)) for line in price.lines]
    print_table(("SKU", "quantity", "unit price", "a month"), rows)
    typer.echo(f"A month {cny(price.monthly_fen)}, until the end of the year {cny(price.year_fen)}.")
    typer.echo(f"Prices of {price.catalogue}.")
