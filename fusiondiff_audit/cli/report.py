"""The verb `report`: what is done to signed files after they were made."""

import os
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.cli.text import count


@click.group()
def command() -> None:
    """Work on signed files: timestamps."""


@command.command()
@click.argument("path", metavar="SIGNED", type=PATH)
@click.option("--query", type=PATH, help="Write the question to a timestamp authority here (RFC 3161, .tsq).")
@click.option("--token", type=PATH, help="Put the authority's answer (.tsr) into the signed file.")
@click.option("--trust", "store", type=PATH, help="Refuse an answer by an authority that this store does not list.")
@click.option("--drop", is_flag=True, help="Take all timestamps out of the signed file.")
@answering()
def timestamp(path: Path, query: Path | None, token: Path | None, store: Path | None, drop: bool) -> Answer:
    """Have an authority prove when something was signed.

    A signature with a timestamp counts after its key has expired. SIGNED is a *.sigstore.json, a model.sig or the
    folder of a batch. This tool uses no network: carry the query to the authority and bring back its answer.

    \b
    fusiondiff-audit report timestamp micrographs --query q.tsq
    curl -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq https://YOUR-AUTHORITY > r.tsr
    fusiondiff-audit report timestamp micrographs --token r.tsr
    """
    if [query is not None, token is not None, drop].count(True) != 1:
        raise click.UsageError("say --query OUT.tsq first, then --token IN.tsr; or --drop")
    signed = path / signing.MANIFEST_NAME if os.path.isdir(path) else path
    if query is not None:
        signing.refuse_existing(query)
        signing.create(query, signing.stamp_query(signed))
        data = {"signed": str(signed), "query": str(query)}
        return Answer("DONE", f"the question for {signed} is in {query}; send it to the authority", data=data)
    if token is None:
        number = signing.drop_tokens(signed)
        return Answer("DONE", f"{count(number, 'timestamp')} taken out of {signed}", data={"signed": str(signed)})
    trust = None if store is None else signing.load_trust(store, at=signing.now())
    time = signing.attach_token(signed, token, trust=trust)
    data = {"signed": str(signed), "time": signing.write_time(time)}
    judged = "by a listed authority" if trust else "who made it is judged on verification"
    sentence = f"{signed} carries a timestamp of {signing.write_time(time)}; {judged}"
    return Answer("DONE", sentence, data=data)
