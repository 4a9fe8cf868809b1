#!/usr/bin/env python3
"""comment.py FILE: make a report the comment of this pull request, on GitHub or GitLab.

The comment of an earlier run is edited, so that there is one: it begins with REPORT and has the same author.

GitHub: GITHUB_TOKEN, PULL_REQUEST (its number), and GitHub's own GITHUB_API_URL and GITHUB_REPOSITORY.
GitLab: GITLAB_TOKEN (a project access token, scope `api`), and GitLab's own CI_* variables.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

REPORT = "<!-- flowinfra report -->"
PAGE = 100


def main() -> None:
    body = Path(sys.argv[1]).read_text(encoding="utf-8")
    comment = gitlab if "GITLAB_CI" in os.environ else github
    try:
        print(comment(body))
    except urllib.error.HTTPError as error:
        sys.exit(f"error: {error.url} answered {error.code}: {error.read().decode(errors='replace')}")


def github(body: str) -> str:
    """Comment on a pull request; return the comment's address."""
    headers = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
    issues = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    comments = f"{issues}/{os.environ['PULL_REQUEST']}/comments"
    for found in pages(comments, headers):
        # the author that GITHUB_TOKEN writes as
        if found["user"]["login"] == "github-actions[bot]" and found["body"].startswith(REPORT):
            return str(call("PATCH", f"{issues}/comments/{found['id']}", headers, {"body": body})["html_url"])
    return str(call("POST", comments, headers, {"body": body})["html_url"])


def gitlab(body: str) -> str:
    """Write a note on a merge request; return its id."""
    headers = {"PRIVATE-TOKEN": os.environ["GITLAB_TOKEN"]}
    api, project = os.environ["CI_API_V4_URL"], os.environ["CI_PROJECT_ID"]
    notes = f"{api}/projects/{project}/merge_requests/{os.environ['CI_MERGE_REQUEST_IID']}/notes"
    me = call("GET", f"{api}/user", headers)["id"]
    for found in pages(notes, headers):
        if found["author"]["id"] == me and found["body"].startswith(REPORT):
            return str(call("PUT", f"{notes}/{found['id']}", headers, {"body": body})["id"])
    return str(call("POST", notes, headers, {"body": body})["id"])


def pages(url: str, headers: dict[str, str]) -> Any:
    """All items of a list that comes in pages."""
    number, items = 1, call("GET", f"{url}?per_page={PAGE}&page=1", headers)
    while items:
        yield from items
        number += 1
        items = call("GET", f"{url}?per_page={PAGE}&page={number}", headers) if len(items) == PAGE else []


def call(method: str, url: str, headers: dict[str, str], data: Any = None) -> Any:
    """Answer of an API that speaks JSON."""
    content = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, content, {**headers, "Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
