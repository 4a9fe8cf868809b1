"""Topics and queues of the embedded AWS, where moto is another: right with the mend, wrong without it."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from botocore.exceptions import ClientError

from flowinfra.local import run
from flowinfra.local.mends import messages
from tests.local.support import Aws, unique


def policy_of(sqs: object, url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])  # type: ignore[attr-defined]
    return str(answer.get("Attributes", {}).get("Policy", ""))


def test_a_queue_keeps_the_policy_that_a_change_does_not_name(aws: Aws) -> None:
    sqs = run.client(aws.instance, "sqs")
    policy = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*"}]}
    )
    url = sqs.create_queue(QueueName=unique("queue"), Attributes={"Policy": policy})["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5"})
    assert policy_of(sqs, url) == policy
    with messages.MEND.withdrawn():
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "6"})
    assert policy_of(sqs, url) != policy


def test_a_topic_with_other_tags_is_refused(aws: Aws) -> None:
    sns, name = run.client(aws.instance, "sns"), unique("topic")
    tags = [{"Key": "stack", "Value": "dev"}]
    arn = sns.create_topic(Name=name, Tags=tags)["TopicArn"]
    assert sns.create_topic(Name=name, Tags=tags)["TopicArn"] == arn
    other = [{"Key": "stack", "Value": "prod"}]
    with pytest.raises(ClientError, match="Topic already exists with different tags"):
        sns.create_topic(Name=name, Tags=other)
    with messages.MEND.withdrawn():
        assert sns.create_topic(Name=name, Tags=other)["TopicArn"] == arn


def test_messages_stay_on_this_machine(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    tried: list[str] = []
    real = messages._publish

    def publish(self: object, *arguments: object, **options: object) -> None:
        tried.append(self.endpoint)  # type: ignore[attr-defined]
        real(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(messages, "_publish", publish)
    sns = run.client(aws.instance, "sns")
    topic = sns.create_topic(Name=unique("hooks"))["TopicArn"]
    here = f"http://127.0.0.1:{server.server_port}/here"
    for endpoint in (here, "https://hooks.example.com/services/T0"):
        sns.subscribe(TopicArn=topic, Protocol=endpoint.partition(":")[0], Endpoint=endpoint)
    sns.publish(TopicArn=topic, Message="failed")
    server.shutdown()
    server.server_close()
    assert (tried, got) == ([here], ["/here"])
