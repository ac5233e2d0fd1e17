package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/vultr"
)

// diagnosis is a Checkup that diagnose is filling in.
type diagnosis struct {
	Checkup
	client *vultr.Client
	survey *vultr.Survey
}

func (d *diagnosis) addLimit(kind LimitKind, detail string) {
	d.Limits = append(d.Limits, Limit{Kind: kind, Detail: detail})
}

// diagnose returns what the answers mean for a run. It does not set Endpoints. It must report a limit
// for everything without which [vultr.Client.ReadOrganization] returns an error.
func diagnose(c *vultr.Client, s *vultr.Survey) Checkup {
	d := &diagnosis{client: c, survey: s, Checkup: Checkup{
		At: s.At, Organization: s.Found.Organization, Organizations: s.Found.Organizations, Self: s.Found.Self,
		PlanError: s.Found.Err,
		Traits:    s.Traits(),
	}}
	d.addObservations()
	d.addLimits()
	return d.Checkup
}

// addLimits sets Key, Limits and PlanError.
func (d *diagnosis) addLimits() {
	s := d.survey
	if d.Key = d.keyVerdict(); d.Key == org.VerdictBadKey {
		d.addLimit(LimitKeyRefused, "")
	}
	if x := d.findNonAPIAnswer(); x != nil {
		d.addLimit(LimitIntercepted, d.client.CleanText(x.Text()))
	}
	switch {
	case !s.Invitations.Allowed():
		d.addLimit(LimitInvitationsUnseen, "")
		d.PlanError = s.Invitations.Err
	case d.PlanError != nil:
		d.addLimit(LimitOrganization, d.client.Redact(d.PlanError.Error()+d.organizationHint()))
	}
	if d.Key != org.VerdictAllowed {
		return // all other limits would have the same cause
	}
	if d.PlanError == nil && !s.Found.PinConfirmed {
		d.addLimit(LimitPinUnconfirmed, "")
	}
	for _, e := range []struct {
		*vultr.Endpoint
		tolerated []org.Verdict // verdicts with which a run can do without the endpoint
	}{
		{&s.Users, []org.Verdict{org.VerdictForbidden}},
		{&s.Suspended, []org.Verdict{org.VerdictForbidden, org.VerdictMissing, org.VerdictUntried}},
		{&s.Account, []org.Verdict{org.VerdictForbidden, org.VerdictMissing}},
	} {
		if !e.Allowed() && !slices.Contains(e.tolerated, e.Verdict()) {
			d.addLimit(LimitListFailed, e.Name)
			d.PlanError = cmp.Or(d.PlanError, e.Err)
		}
	}

	listed := s.Found.Invitations
	if s.Users.Verdict() == org.VerdictForbidden {
		d.addLimit(LimitUsersUnseen, "")
		if s.Invitations.Allowed() && !slices.ContainsFunc(listed,
			func(i org.Invitation) bool { return i.Status == org.StatusAccepted }) {
			d.addLimit(LimitAcceptanceUnseen, "")
		}
	}
	if !s.Suspended.Allowed() {
		d.addLimit(LimitSuspendedUnseen, "")
	}
	isSelf := func(u org.User) bool { return u.Email.Equal(d.Self) }
	if d.Self.IsZero() || s.Users.Allowed() && !slices.ContainsFunc(s.Found.Users, isSelf) {
		d.addLimit(LimitSelfUnseen, "")
	}
	d.addAccessLimits()
	d.addInvitationLimits()
	if d.ClockAhead == nil {
		d.addLimit(LimitClockUnseen, "")
	}
}

// keyVerdict returns [Checkup.Key].
func (d *diagnosis) keyVerdict() org.Verdict {
	key := org.VerdictFailed
	for _, e := range d.survey.Endpoints() {
		switch verdict := e.Verdict(); {
		case verdict == org.VerdictAllowed:
			return verdict
		case verdict == org.VerdictBadKey:
			key = verdict
		}
	}
	return key
}

// organizationHint returns a sentence with the organization of the invitations, which is probably the
// one that the key acts on. It returns "" if that organization is not needed or not known.
func (d *diagnosis) organizationHint() string {
	own := vultr.OrganizationsIn(d.survey.Found.Invitations)
	if len(own) != 1 || d.Organization.ID != "" {
		return ""
	}
	return fmt.Sprintf("; its invitations are for %q (%s)", own[0].Name, own[0].ID)
}

// addAccessLimits adds the limits for groups, roles and policies.
func (d *diagnosis) addAccessLimits() {
	for _, kind := range org.Kinds {
		holders := d.survey.Holders[kind].Verdict()
		switch {
		case !d.survey.Access[kind].Allowed():
			d.addLimit(LimitAccessUnseen, string(kind))
		case holders == org.VerdictAllowed || holders == org.VerdictUntried:
		case kind == org.KindGroup && holders == org.VerdictMissing: // the list of groups has the members too
		default:
			d.addLimit(LimitHoldersUnseen, string(kind))
		}
	}
}

// maxUnknownWords is the maximum number of invitations whose unknown status is reported.
const maxUnknownWords = 20

// addInvitationLimits adds the limits because of missing or unknown values in the invitations.
func (d *diagnosis) addInvitationLimits() {
	pending, withDate, withExpiration := 0, 0, 0
	var unknown []string
	for _, i := range d.survey.Found.Invitations {
		switch {
		case i.Status == org.StatusUnknown && i.StatusText != "" && len(unknown) < maxUnknownWords:
			unknown = append(unknown, d.client.CleanText(i.StatusText))
		case i.Status == org.StatusPending:
			pending++
			if !i.ExpiresAt().IsZero() {
				withDate++
			}
			if !i.Expires.IsZero() {
				withExpiration++
			}
		}
	}
	switch {
	case withDate < pending:
		d.addLimit(LimitDatesUnseen, "")
	case withExpiration < pending:
		d.addLimit(LimitExpirationUnseen, "")
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		d.addLimit(LimitStatusNotUnderstood, strings.Join(slices.Compact(unknown), ", "))
	}
}

// findNonAPIAnswer returns the first answer that is a web page or a redirect, because such an answer is
// not from the API; nil if there is none.
func (d *diagnosis) findNonAPIAnswer() *vultr.Exchange {
	for _, e := range d.survey.Endpoints() {
		for i, x := range e.Exchanges {
			if x.IsIntercepted() {
				return &e.Exchanges[i]
			}
		}
	}
	return nil
}

// addObservations sets the fields that come from headers: Throttled, RateHeaders and ClockAhead. It compares the
// clocks by the fastest answer, which is the most accurate.
func (d *diagnosis) addObservations() {
	d.RateHeaders = map[string]string{}
	fastest := time.Duration(-1) // no answer yet
	for _, e := range d.survey.Endpoints() {
		for _, x := range e.Exchanges {
			if x.IsThrottled() {
				d.Throttled++
			}
			for _, name := range rateHeaders {
				if value := x.Header.Get(name); value != "" {
					d.RateHeaders[name] = d.client.CleanText(value)
				}
			}
			date, ok := x.ServerTime()
			if ok && (fastest < 0 || x.Duration < fastest) {
				fastest = x.Duration
				d.ClockAhead = new(date.Sub(x.At))
			}
		}
	}
}

// rateHeaders are the canonical names of headers about rate limits. The API documents only the first.
// The others are common in web APIs.
var rateHeaders = []string{
	"Retry-After", "Ratelimit", "Ratelimit-Limit", "Ratelimit-Policy", "Ratelimit-Remaining", "Ratelimit-Reset",
	"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset",
	"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "X-Ratelimit-Used",
}
