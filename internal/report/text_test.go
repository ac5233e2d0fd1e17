package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/printable/printabletest"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/state"
)

// FuzzText checks that text from outside does not change the number of lines of a text report, and that a JSON report
// is one document. Neither has invisible characters.
func FuzzText(f *testing.F) {
	for _, s := range printabletest.Hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if printable.Clean(s, 10) == "" {
			t.Skip("a text that is not there is not shown")
		}
		harmless, _ := reportsWith(t, "x")
		texts, documents := reportsWith(t, s)
		for i, text := range texts {
			if a, b := strings.Count(harmless[i], "\n"), strings.Count(text, "\n"); a != b {
				t.Errorf("report %d has %d lines, and %d with %q:\n%s", i, a, b, s, text)
			}
		}
		for _, text := range append(texts, documents...) {
			for _, r := range text {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Errorf("%q holds %U", text, r)
				}
			}
		}
		for _, document := range documents {
			if !json.Valid([]byte(document)) {
				t.Errorf("no JSON: %s", document)
			}
		}
	})
}

// reportsWith returns every report in text and in JSON, with s in each place for text from outside. It leaves out
// status, which has a fuzz target of its own.
func reportsWith(t *testing.T, s string) (texts, documents []string) {
	t.Helper()
	p, r := outcomeWith(s)
	stale := &plan.StaleError{Saved: org.Organization{ID: s}, OnlySaved: p.Changes, OnlyFresh: p.Changes}
	problems := &roster.ProblemsError{Problems: []roster.Problem{{At: roster.Position{File: "users.yaml", Line: 1,
		Column: 2}, Text: s}}}
	run := Run{Command: "apply", Files: []string{s}, Code: 4, Err: stale}
	broken := run
	broken.Code, broken.Err = 6, problems
	doctor := DoctorRun{Run: run, Dialect: "documented", Recorded: s, Note: s}
	checkup := examined()
	checkup.Self, checkup.Organization, checkup.Organizations = org.Address{}, org.Organization{ID: s, Name: s},
		[]org.Organization{{ID: s, Name: s}, acme}
	checkup.RateHeaders = map[string]string{"Retry-After": s}
	checkup.PlanError = errors.New(s)
	for i := range checkup.Endpoints {
		checkup.Endpoints[i].Message = s
	}
	for i := range checkup.Traits {
		checkup.Traits[i].Seen = []string{s}
	}
	for i := range checkup.Limits {
		checkup.Limits[i].Detail = s
	}
	locked := State{Location: state.Location{Kind: state.Folder, Path: s}, Organizations: []OrganizationState{{ID: s,
		MovedTo: s, Inspection: state.Inspection{Place: s, Held: true, ID: s, Notes: []string{s},
			Holder: state.Holder{Host: s, Start: now}}}}}
	lines := History{OrganizationID: s, Entries: []ledger.Entry{{Time: now, Run: s, Email: s, Action: ledger.Action(s),
		Outcome: ledger.Outcome(s), InvitationID: s, Object: s, Kind: org.Kind(s), Name: s, Message: s}}}
	collect := func(render func(io.Writer) error) string {
		var buf bytes.Buffer
		if err := render(&buf); err != nil {
			t.Fatal(err)
		}
		return buf.String()
	}
	for _, render := range []func(io.Writer) error{
		func(w io.Writer) error { return document.WriteText(w, PlanDocument(p), 0, false) },
		func(w io.Writer) error { return document.WriteText(w, ApplyDocument(p, r), 0, false) },
		func(w io.Writer) error { return document.WriteText(w, StaleDocument(stale), 0, false) },
		func(w io.Writer) error { return document.WriteText(w, ProblemsDocument(problems.Problems), 0, false) },
		func(w io.Writer) error { return document.WriteText(w, DoctorDocument(doctor, checkup), 0, false) },
		func(w io.Writer) error { return document.WriteText(w, StateDocument(locked), 0, false) },
		func(w io.Writer) error { return document.WriteText(w, HistoryDocument(lines), 0, false) },
	} {
		texts = append(texts, collect(render))
	}
	for _, render := range []func(io.Writer) error{
		func(w io.Writer) error { return PlanJSON(w, run, p) },
		func(w io.Writer) error { return ApplyJSON(w, run, p, r) },
		func(w io.Writer) error { return ErrorJSON(w, broken) },
		func(w io.Writer) error { return DoctorJSON(w, doctor, checkup) },
		func(w io.Writer) error { return StateJSON(w, locked) },
		func(w io.Writer) error { return HistoryJSON(w, lines) },
	} {
		documents = append(documents, collect(render))
	}
	return texts, documents
}

// TestNothingToDo checks the sentence for a plan without changes.
func TestNothingToDo(t *testing.T) {
	t.Parallel()
	waiting, unsettled, left := plan.Notice{Kind: plan.Waiting}, plan.Notice{Kind: plan.Unsettled},
		plan.Notice{Kind: plan.Left}
	for _, test := range []struct {
		people  int
		notices []plan.Notice
		want    string
	}{
		{1, nil, "Nothing to do: 1 person matches the roster."},
		{3, nil, "Nothing to do: 3 people match the roster."},
		{3, []plan.Notice{left}, "Nothing to do: 3 people unchanged."},
		{1, []plan.Notice{waiting}, "Nothing to do: 1 person unchanged, invited with no answer yet."},
		{1, []plan.Notice{unsettled}, "Nothing to do for now: 1 person unchanged, with a mail whose outcome is unknown."},
		{3, []plan.Notice{waiting, left}, "Nothing to do: 3 people unchanged, 1 of them invited with no answer yet."},
		{3, []plan.Notice{unsettled, unsettled}, "Nothing to do for now: 3 people unchanged, 2 of them with a mail whose " +
			"outcome is unknown."},
		{3, []plan.Notice{waiting, unsettled}, "Nothing to do for now: 3 people unchanged, 1 of them invited with no " +
			"answer yet, 1 with a mail whose outcome is unknown."},
	} {
		if got := nothingToDo(test.people, test.notices); got != test.want {
			t.Errorf("%d people, %v: %q, want %q", test.people, test.notices, got, test.want)
		}
	}
}
