"""Calls signetd with PyPI's varlink: what it is, what it offers, two streamed conversations."""

import sys

import varlink

INTERFACES = [
    "io.signet.Admin",
    "io.signet.Authentication",
    "io.signet.Enrollment",
    "io.signet.Policy",
    "io.signet.Session",
    "org.varlink.service",
]


def conversation(stream):
    """The conversation's id and the last event of a stream; notices are printed."""
    reply = None
    for reply in stream:
        print(*reply["event"])
    return reply["conversation"], reply["event"]


def main(socket, user):
    client = varlink.Client(address="unix:" + socket)
    with client.open("org.varlink.service") as service:
        info = service.GetInfo()
        assert info["product"] == "signetd", info
        assert sorted(info["interfaces"]) == INTERFACES, info
        for name in INTERFACES:
            text = service.GetInterfaceDescription(name)["description"]
            # The foreign parser must understand each interface file.
            assert varlink.Interface(text).name == name

    with client.open("io.signet.Admin") as admin:
        assert admin.Status()["engine"] == "sled"

    with client.open("io.signet.Enrollment") as enrollment:
        try:
            enrollment.Enroll(user=user, method="magic", _more=True).__next__()
            raise AssertionError("an unknown method was taken")
        except varlink.VarlinkError as error:
            assert error.error() == "io.signet.Enrollment.UnknownMethod", error
            assert "smartcard" in error.parameters()["allowed"], error

    with client.open("io.signet.Authentication") as authentication:
        # The program that asks the system's password service is missing here: nothing is granted.
        name, event = conversation(authentication.Start(service="foreign", user=user, _more=True))
        assert event["prompt"]["kind"] == "secret", event
        _, event = conversation(authentication.Respond(conversation=name, answer="a guess", _more=True))
        assert event.get("outcome", {}).get("result") != "granted", event

    with client.open("io.signet.Authentication") as authentication:
        name, event = conversation(authentication.Start(service="foreign", user=user, _more=True))
        _, event = conversation(authentication.Respond(conversation=name, _more=True))
        assert event["outcome"]["result"] == "cancelled", event


main(*sys.argv[1:])
