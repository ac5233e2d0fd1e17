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

// diagnosis is a check-up that is being written.
type diagnosis struct {
	Checkup
	client *vultr.Client
	survey *vultr.Survey
}

func (d *diagnosis) limit(kind LimitKind, detail string) {
	d.Limits = append(d.Limits, Limit{Kind: kind, Detail: detail})
}

// diagnose returns what the answers mean for a run, without the endpoints. It must agree with what
// [vultr.Client.ReadOrganization] requires.
func diagnose(c *vultr.Client, s *vultr.Survey) Checkup {
	d := &diagnosis{client: c, survey: s, Checkup: Checkup{
		At: s.At, Organization: s.Found.Organization, Organizations: s.Found.Organizations, Self: s.Found.Self,
		Unable: s.Found.Err,
		Traits: s.Traits(),
	}}
	d.addObservations()
	d.addLimits()
	return d.Checkup
}

// addLimits adds what orgsync cannot do, and the error because of which nothing can be planned.
func (d *diagnosis) addLimits() {
	s := d.survey
	if d.Key = d.keyVerdict(); d.Key == org.VerdictRefused {
		d.limit(LimitKeyRefused, "")
	}
	if x := d.findNonAPIAnswer(); x != nil {
		d.limit(LimitIntercepted, d.client.Clean(x.Text()))
	}
	switch {
	case !s.Invitations.Allowed():
		d.limit(LimitInvitationsUnseen, "")
		d.Unable = s.Invitations.Err
	case d.Unable != nil:
		d.limit(LimitOrganization, d.client.Redact(d.Unable.Error()+d.organizationHint()))
	}
	if d.Key != org.VerdictAllowed {
		return // everything else follows from this
	}
	for _, e := range []struct {
		*vultr.Endpoint
		dispensable []org.Verdict
	}{
		{&s.Users, []org.Verdict{org.VerdictForbidden}},
		{&s.Suspended, []org.Verdict{org.VerdictForbidden, org.VerdictMissing, org.VerdictUntried}},
		{&s.Account, []org.Verdict{org.VerdictForbidden, org.VerdictMissing}},
	} {
		if !e.Allowed() && !slices.Contains(e.dispensable, e.Verdict()) {
			d.limit(LimitListFailed, e.Name)
			d.Unable = cmp.Or(d.Unable, e.Err)
		}
	}

	listed := s.Found.Invitations
	if s.Users.Verdict() == org.VerdictForbidden {
		d.limit(LimitUsersUnseen, "")
		if s.Invitations.Allowed() && !slices.ContainsFunc(listed,
			func(i org.Invitation) bool { return i.Status == org.StatusAccepted }) {
			d.limit(LimitAcceptanceUnseen, "")
		}
	}
	if !s.Suspended.Allowed() {
		d.limit(LimitSuspendedUnseen, "")
	}
	isSelf := func(u org.User) bool { return u.Email.Equal(d.Self) }
	if d.Self.IsZero() || s.Users.Allowed() && !slices.ContainsFunc(s.Found.Users, isSelf) {
		d.limit(LimitSelfUnseen, "")
	}
	d.addAccessLimits()
	d.addInvitationLimits()
	if d.Ahead == nil {
		d.limit(LimitClockUnseen, "")
	}
}

// keyVerdict returns what the answers say about the key; see [Checkup.Key].
func (d *diagnosis) keyVerdict() org.Verdict {
	key := org.VerdictFailed
	for _, e := range d.survey.Endpoints() {
		switch verdict := e.Verdict(); {
		case verdict == org.VerdictAllowed:
			return verdict
		case verdict == org.VerdictRefused:
			key = verdict
		}
	}
	return key
}

// organizationHint returns the organization of the invitations, to help choose the one that the
// key acts on; "" if it is unknown.
func (d *diagnosis) organizationHint() string {
	own := vultr.OrganizationsIn(d.survey.Found.Invitations)
	if len(own) != 1 || d.Organization.ID != "" {
		return ""
	}
	return fmt.Sprintf("; its invitations are for %q (%s)", own[0].Name, own[0].ID)
}

// addAccessLimits is addLimits for groups, roles and policies.
func (d *diagnosis) addAccessLimits() {
	for _, kind := range org.Kinds {
		holders := d.survey.Holders[kind].Verdict()
		switch {
		case !d.survey.Access[kind].Allowed():
			d.limit(LimitAccessUnseen, string(kind))
		case holders == org.VerdictAllowed || holders == org.VerdictUntried:
		case kind == org.KindGroup && holders == org.VerdictMissing: // the list of groups has members, too
		default:
			d.limit(LimitHoldersUnseen, string(kind))
		}
	}
}

// maxUnknownWords is the maximum number of unknown states of invitations that are reported.
const maxUnknownWords = 20

// addInvitationLimits is addLimits for the fields of the invitations.
func (d *diagnosis) addInvitationLimits() {
	pending, dated, withExpiration := 0, 0, 0
	var unknown []string
	for _, i := range d.survey.Found.Invitations {
		switch {
		case i.Status == org.StatusUnknown && i.StatusText != "" && len(unknown) < maxUnknownWords:
			unknown = append(unknown, d.client.Clean(i.StatusText))
		case i.Status == org.StatusPending:
			pending++
			if !i.ExpiresAt().IsZero() {
				dated++
			}
			if !i.Expires.IsZero() {
				withExpiration++
			}
		}
	}
	switch {
	case dated < pending:
		d.limit(LimitDatesUnseen, "")
	case withExpiration < pending:
		d.limit(LimitExpirationUnseen, "")
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		d.limit(LimitStatusNotUnderstood, strings.Join(slices.Compact(unknown), ", "))
	}
}

// findNonAPIAnswer returns an answer that is a web page or a redirect, and so not from the API;
// nil if there is none.
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

// addObservations adds what the headers say. The clock is compared with the fastest answer, which is
// the most accurate.
func (d *diagnosis) addObservations() {
	d.RateHeaders = map[string]string{}
	quickest := time.Duration(-1)
	for _, e := range d.survey.Endpoints() {
		for _, x := range e.Exchanges {
			if x.IsThrottled() {
				d.Throttled++
			}
			for _, name := range rateHeaders {
				if value := x.Header.Get(name); value != "" {
					d.RateHeaders[name] = d.client.Clean(value)
				}
			}
			date, ok := vultr.ParseDate(x.Header.Get("Date"))
			if ok && (quickest < 0 || x.Took < quickest) {
				quickest = x.Took
				d.Ahead = new(date.Sub(x.At))
			}
		}
	}
}

// rateHeaders are headers about rate limits, by their canonical names. The API documents only the
// first.
var rateHeaders = []string{
	"Retry-After", "Ratelimit", "Ratelimit-Limit", "Ratelimit-Policy", "Ratelimit-Remaining", "Ratelimit-Reset",
	"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset",
	"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "X-Ratelimit-Used",
}
