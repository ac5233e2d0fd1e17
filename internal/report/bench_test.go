package report

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/plan"
)

// BenchmarkReport renders an applied plan of 10,000 changes and as many notices in each format.
func BenchmarkReport(b *testing.B) {
	const people = 10_000
	p := plan.Plan{Organization: acme, Now: now}
	for i := range people {
		source := fmt.Sprint("users.yaml:", i)
		p.Changes = append(p.Changes, plan.Change{
			Action: plan.Invite, Reason: plan.NotInvited, Email: address(fmt.Sprintf("a%05d@example.com", i)), Source: source,
			Detail: plan.Detail{APIEnabled: &no},
		})
		p.Notices = append(p.Notices, plan.Notice{
			Kind: plan.Waiting, Email: address(fmt.Sprintf("b%05d@example.com", i)), Source: source,
			InvitationID: fmt.Sprint("inv-", i), Expires: now.Add(time.Hour),
		})
	}
	r := all(p, apply.Done, nil)
	for _, format := range []struct {
		name string
		show func() error
	}{
		{"text", func() error { return document.WriteText(io.Discard, ApplyDocument(p, r), 0, false) }},
		{"color", func() error { return document.WriteText(io.Discard, ApplyDocument(p, r), 0, true) }},
		{"json", func() error { return ApplyJSON(io.Discard, Run{Command: "apply", People: people}, p, r) }},
		{"markdown", func() error { return document.WriteMarkdown(io.Discard, ApplyDocument(p, r)) }},
		{"github", func() error { return document.WriteGitHub(io.Discard, PlanDocument(p), "") }},
	} {
		b.Run(format.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := format.show(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/people, "ns/person")
		})
	}
}
