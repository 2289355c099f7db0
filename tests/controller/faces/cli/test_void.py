"""`relance void`: what stands on a key is listed, two people take it away, and every view says so."""

from pathlib import Path

from tests.controller.faces.cli.invocation import call

UNTIL = ("--until", "2099-06-02T11:00+02:00")


def sign_as_carl(home: Path) -> None:
    call(home, "moratorium", "declare", "mora", *UNTIL, "--as", "carl")
    call(home, "moratorium", "declare", "junk", *UNTIL, "--as", "carl")
    call(home, "release", "m00001", "--as", "carl")
    call(home, "flag", "set", "m00002", "medical", "--as", "carl")
    call(home, "moratorium", "declare", "other", *UNTIL, "--as", "bart")


def test_nothing_is_drafted_before_somebody_says_what_stays(home: Path) -> None:
    sign_as_carl(home)
    asked = call(home, "void", "propose", "carl", "--as", "anne", "--json")
    assert asked.status == 1
    assert [(each["id"], each["kept"]) for each in asked.found["standing"]] == [
        (f"o00000{number}", False) for number in range(1, 5)
    ]
    assert asked.found["order"] is None
    assert call(home, "orders", "list", "--state", "draft").status == 1
    shown = call(home, "void", "show", "carl", "--json").found
    assert [each["object"] for each in shown["standing"]][:2] == ["hold/mora", "hold/junk"]
    assert "Say what stays" in call(home, "void", "propose", "carl", "--as", "anne").out


def test_two_people_void_a_key_and_what_is_kept_stands_on_another(home: Path) -> None:
    sign_as_carl(home)
    keep = ("--keep", "hold/mora", "--keep", "o000003", "--keep", "flag/medical")
    proposed = call(home, "void", "propose", "carl", *keep, "--as", "anne", "--json")
    assert proposed.status == 0
    void = proposed.found["order"]
    assert (void["kind"], void["state"], void["signatures_missing"]) == ("void", "draft", 1)
    assert [each["object"] for each in void["body"]["keeps"]] == ["hold/mora"]
    assert call(home, "orders", "show", "o000001", "--json").found["signed_by"] == ["anne", "carl"]
    assert call(home, "orders", "show", "o000002", "--json").found["state"] == "active", (
        "one person takes nothing"
    )
    signed = call(home, "orders", "sign", void["id"], "--as", "bart")
    assert (signed.status, "is lifted" in signed.out) == (0, True)
    states = {
        each["id"]: (each["state"], each["object"].partition("/")[0])
        for each in call(home, "orders", "list", "--json").found["orders"]
    }
    assert states["o000001"] == ("active", "hold")
    assert states["o000002"] == ("superseded", "hold")
    assert states["o000003"] == ("superseded", "release"), "released anew"
    assert [state for state in states.values() if state == ("active", "release")]
    assert states["o000004"] == ("active", "flag")
    holds = {hold["name"]: hold for hold in call(home, "moratorium", "status", "--json").found["holds"]}
    assert (holds["junk"]["in_force"], holds["junk"]["voided"], holds["junk"]["order"]) == (
        False,
        True,
        void["id"],
    )
    assert holds["mora"]["in_force"]
    assert holds["other"]["in_force"]
    assert "lifted" in call(home, "moratorium", "status", "junk").out
    assert call(home, "status", "--json").found["voided"] == [void["id"]]
    assert f"Keys voided by: {void['id']}" in call(home, "status").out
    (listed,) = call(home, "void", "list", "--json").found["voids"]
    assert (listed["holder"], listed["order"], listed["meters"]["total"]) == ("carl", void["id"], 3)
    assert "carl" in call(home, "void", "list").out
    why = call(home, "meters", "why", "m00001")
    assert "lifts all protection that this key of carl alone had signed" in why.out
    audited = call(home, "audit", "list", "--json").found
    ended = [each for each in audited["acts"] if each["act"] == "supersede" and each["subject"] == "o000002"]
    assert [each["detail"]["successor"] for each in ended] == [void["id"]]


def test_a_voided_key_protects_nobody_anew(home: Path) -> None:
    proposed = call(home, "void", "propose", "carl", "--as", "anne", "--json")
    call(home, "orders", "sign", proposed.found["order"]["id"], "--as", "bart")
    late = call(home, "moratorium", "declare", "late", *UNTIL, "--as", "carl")
    assert (late.status, "voided" in late.one_line()) == (2, True)
    assert call(home, "moratorium", "declare", "late", *UNTIL, "--as", "anne").status == 0


def test_a_key_that_a_root_has_dropped_is_still_known_by_its_person(home: Path) -> None:
    call(home, "root", "propose", "--drop", "carl", "--as", "anne")
    assert call(home, "root", "sign", "--drop", "carl", "--as", "bart").status == 0
    proposed = call(home, "void", "propose", "carl", "--as", "anne", "--json")
    assert (proposed.status, proposed.found["holder"]) == (0, "carl")
    assert call(home, "orders", "sign", proposed.found["order"]["id"], "--as", "bart").status == 0
    assert call(home, "void", "show", proposed.found["key"][:8]).status == 0


def test_wrong_input_is_one_line(home: Path) -> None:
    sign_as_carl(home)
    for arguments, said in (
        (("nobody", "--keep", "none", "--as", "anne"), "no person and no key"),
        (("service", "--keep", "none", "--as", "anne"), "no person and no key"),
        (("carl", "--keep", "hold/other", "--as", "anne"), "does not stand on this key alone"),
        (("carl", "--keep", "all", "--keep", "none", "--as", "anne"), "stand alone"),
    ):
        wrong = call(home, "void", "propose", *arguments)
        assert (wrong.status, said in wrong.one_line()) == (2, True), wrong
    own = call(home, "void", "propose", "carl", "--keep", "none", "--as", "carl")
    assert (own.status, "this very key" in own.one_line()) == (1, True)
    assert call(home, "orders", "show", "o000001", "--json").found["signed_by"] == ["carl"]
    assert call(home, "void", "list").out.strip() == "No key has been voided."
