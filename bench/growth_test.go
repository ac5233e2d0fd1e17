package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

// TestGrowth: ten times the people need at most ten times the allocations in each step. The number of allocations
// does not depend on the machine or its load.
func TestGrowth(t *testing.T) {
	steps := []struct {
		name string
		// step prepares the data of a number of people, and returns the function whose allocations are counted.
		step func(t *testing.T, people int) func()
		most float64 // the allowed allocations for each person
	}{
		{"roster", rosterStep, 45},
		{"reading", readingStep, 120},
		{"plan", planStep, 3},
		{"ledger", ledgerStep, 25},
		{"report as text", reportStep(func(r apply.Result, p plan.Plan) error {
			return document.WriteText(io.Discard, report.ApplyDocument(p, r), 0, false)
		}), 25},
		{"report as JSON", reportStep(func(r apply.Result, p plan.Plan) error {
			return report.ApplyJSON(io.Discard, report.Run{Command: "apply"}, p, r)
		}), 60},
		{"report as Markdown", reportStep(func(r apply.Result, p plan.Plan) error {
			return document.WriteMarkdown(io.Discard, report.ApplyDocument(p, r))
		}), 40},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			const few, many = 500, 5_000
			small := testing.AllocsPerRun(1, s.step(t, few)) / few
			large := testing.AllocsPerRun(1, s.step(t, many)) / many
			t.Logf("%.1f allocations for each of %d people, %.1f for each of %d", small, few, large, many)
			if large > 1.1*small {
				t.Errorf("%.1f allocations for each of %d people, but %.1f for each of %d", small, few, large, many)
			}
			if large > s.most {
				t.Errorf("%.1f allocations for each person, more than %.0f", large, s.most)
			}
		})
	}
}

// TestRequestsGrowWithPages: a reading makes one request for each page of the lists, and no other requests.
func TestRequestsGrowWithPages(t *testing.T) {
	t.Parallel()
	for _, people := range []int{500, 5_000} {
		o := organizationOf(t, people)
		_, read, err := o.client(t).ReadAhead(t.Context(), "", o.wanted())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(); err != nil {
			t.Fatal(err)
		}
		if requests := int(o.replay.requests.Load()); requests != o.pages {
			t.Errorf("%d requests for the %d pages of %d people", requests, o.pages, people)
		}
	}
}

func rosterStep(t *testing.T, people int) func() {
	file := filepath.Join(t.TempDir(), "users.yaml")
	if err := writeRoster(file, people, func(i int) string { return "    groups: [" + group(i) + "]\n" }); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := roster.Parse([]roster.File{{Name: "users.yaml", Data: data}}); err != nil {
			t.Error(err)
		}
	}
}

func readingStep(t *testing.T, people int) func() {
	o := organizationOf(t, people)
	return func() {
		if _, err := o.client(t).ReadOrganization(t.Context(), "", o.wanted()); err != nil {
			t.Error(err)
		}
	}
}

// input returns the input of a plan for a number of people. The plan invites every fourth person, and has no other
// changes.
func input(t *testing.T, people int) plan.Input {
	o := organizationOf(t, people)
	s, err := o.client(t).ReadOrganization(t.Context(), "", o.wanted())
	if err != nil {
		t.Fatal(err)
	}
	s.Invitations = s.Invitations[:len(s.Invitations)/2]
	data, err := os.ReadFile(o.roster)
	if err != nil {
		t.Fatal(err)
	}
	r, err := roster.Parse([]roster.File{{Name: "users.yaml", Data: data}})
	if err != nil {
		t.Fatal(err)
	}
	return plan.Input{Roster: r, Snapshot: s}
}

func planStep(t *testing.T, people int) func() {
	in := input(t, people)
	return func() {
		if p := plan.Compute(in); len(p.Changes) != people/4 {
			t.Errorf("%d changes for %d people", len(p.Changes), people)
		}
	}
}

func ledgerStep(t *testing.T, people int) func() {
	b := &bench{ctx: t.Context(), scratch: t.TempDir()}
	store, closeStore, err := openStore(b.ctx, b.scratch, "bench")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeStore)
	if err := b.write(store, history(8*people, "bench")); err != nil {
		t.Fatal(err)
	}
	return func() {
		l, err := ledger.Open(t.Context(), store, ledger.Options{Organization: "bench", Now: time.Now})
		if err != nil {
			t.Error(err)
			return
		}
		if known := len(l.Memory().People); known != people {
			t.Errorf("the memory has %d people, want %d", known, people)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func reportStep(print func(apply.Result, plan.Plan) error) func(*testing.T, int) func() {
	return func(t *testing.T, people int) func() {
		p := plan.Compute(input(t, people))
		r := apply.Result{Notices: p.Notices}
		for _, c := range p.Changes {
			r.Changes = append(r.Changes, apply.ChangeResult{Change: c, Outcome: apply.Done, Requests: 1})
		}
		return func() {
			if err := print(r, p); err != nil {
				t.Error(err)
			}
		}
	}
}
