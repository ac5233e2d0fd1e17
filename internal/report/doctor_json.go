package report

import (
	"io"
	"maps"
	"time"

	"github.com/orgsync/orgsync/internal/doctor"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
)

// checkup is the JSON form of the findings of doctor.
type checkup struct {
	Header
	GeneratedAt   *string           `json:"generated_at"`
	Able          bool              `json:"able"`
	Key           org.Verdict       `json:"key"`
	Self          *string           `json:"self"`
	Organization  organization      `json:"organization"`
	Organizations []organization    `json:"organizations"`
	Roster        *rosterSummary    `json:"roster"`
	Endpoints     []endpoint        `json:"endpoints"`
	Dialect       []trait           `json:"dialect"`
	Sandbox       string            `json:"sandbox_dialect"`
	ClockAhead    *float64          `json:"clock_ahead_seconds"`
	RateHeaders   map[string]string `json:"rate_headers"`
	Throttled     int               `json:"throttled"`
	Limits        []limit           `json:"limits"`
	Recorded      *string           `json:"recorded"`
	Error         *failure          `json:"error,omitempty"`
}

type endpoint struct {
	Name       string      `json:"name"`
	Path       string      `json:"path"`
	Verdict    org.Verdict `json:"verdict"`
	Permission *string     `json:"permission"`
	Status     int         `json:"status"`
	Message    *string     `json:"message"`
	Requests   int         `json:"requests"`
	Pages      int         `json:"pages"`
	Rows       int         `json:"rows"`
	Latency    float64     `json:"latency_ms"`
}

type trait struct {
	Axis  string   `json:"axis"`
	About string   `json:"about"`
	Seen  []string `json:"seen"`
}

type limit struct {
	Kind    doctor.LimitKind `json:"kind"`
	Detail  *string          `json:"detail"`
	Message string           `json:"message"`
}

// DoctorJSON writes c as one JSON document. The error is from w.
func DoctorJSON(w io.Writer, d DoctorRun, c doctor.Checkup) error {
	doc := checkup{
		Header: NewHeader(d.Command), GeneratedAt: timestamp(c.At), Able: c.PlanError == nil, Key: c.Key,
		Self:          orNull(c.Self.String()),
		Organization:  newOrganization(c.Organization),
		Organizations: document.Map(c.Organizations, newOrganization),
		Endpoints: document.Map(c.Endpoints, func(e doctor.Endpoint) endpoint {
			return endpoint{
				Name: e.Name, Path: e.Path, Verdict: e.Verdict, Permission: orNull(e.Permission), Status: e.Status,
				Message: orNull(e.Message), Requests: e.Requests, Pages: e.Pages, Rows: e.Rows,
				Latency: float64(e.Latency.Round(100*time.Microsecond)) / float64(time.Millisecond),
			}
		}),
		Dialect: document.Map(c.Traits, func(t doctor.Trait) trait {
			return trait{Axis: t.Axis, About: t.About, Seen: orEmpty(t.Seen)}
		}),
		Sandbox: d.Dialect, RateHeaders: map[string]string{}, Throttled: c.Throttled,
		Limits: document.Map(c.Limits, func(l doctor.Limit) limit {
			return limit{Kind: l.Kind, Detail: orNull(l.Detail), Message: document.Plain(limitText(l))}
		}),
		Recorded: orNull(d.Recorded), Error: newFailure(d.Run),
	}
	if len(d.Files) > 0 {
		doc.Roster = new(newRosterSummary(d.Run))
	}
	if c.ClockAhead != nil {
		doc.ClockAhead = new(c.ClockAhead.Round(time.Second).Seconds())
	}
	maps.Copy(doc.RateHeaders, c.RateHeaders)
	return WriteJSON(w, doc)
}
