"""The verb `report`: what is done to signed files after they were made."""

import os
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH


@click.group()
def command() -> None:
    """Work on signed files: timestamps."""


@command.command()
@click.argument("path", metavar="SIGNED", type=PATH)
@click.option("--query", type=PATH, help="Write the question to a timestamp authority here (RFC 3161, .tsq).")
@click.option("--token", type=PATH, help="Put the authority's answer (.tsr) into the signed file.")
@answering()
def timestamp(path: Path, query: Path | None, token: Path | None) -> Answer:
    """Have an authority prove when something was signed.

    A signature with a timestamp counts after its key has expired. SIGNED is a *.sigstore.json, a model.sig or the
    folder of a batch. This tool uses no network: carry the query to the authority and bring back its answer.

    \b
    fusiondiff-audit report timestamp micrographs --query q.tsq
    curl -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq https://YOUR-AUTHORITY > r.tsr
    fusiondiff-audit report timestamp micrographs --token r.tsr
    """
    if (query is None) == (token is None):
        raise click.UsageError("say --query OUT.tsq first, then --token IN.tsr")
    signed = path / signing.MANIFEST_NAME if os.path.isdir(path) else path
    if query is not None:
        signing.refuse_existing(query)
        signing.create(query, signing.stamp_query(signed))
        data = {"signed": str(signed), "query": str(query)}
        return Answer("DONE", f"the question for {signed} is in {query}; send it to the authority", data=data)
    time = signing.attach_token(signed, token or Path())
    data = {"signed": str(signed), "time": signing.write_time(time)}
    sentence = f"{signed} carries a timestamp of {signing.write_time(time)}; who made it is judged on verification"
    return Answer("DONE", sentence, data=data)
