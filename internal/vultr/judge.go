package vultr

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// diagnose adds what the answers mean for a run. It must agree with what [Client.ReadOrganization]
// requires.
func (p *probe) diagnose(out *org.Checkup, listed []org.Invitation, people []org.User) {
	limit := func(kind org.LimitKind, detail string) {
		out.Limits = append(out.Limits, org.Limit{Kind: kind, Detail: detail})
	}
	p.observations(out)

	if out.Key = p.key(); out.Key == org.VerdictRefused {
		limit(org.LimitKeyRefused, "")
	}
	if x := p.findNonAPIAnswer(); x != nil {
		limit(org.LimitIntercepted, p.c.clean(failureText(answer{status: x.status, header: x.header}, x.body)))
	}
	switch {
	case !p.invitations.allowed():
		limit(org.LimitInvitationsUnseen, "")
		out.Unable = p.invitations.err
	case out.Unable != nil:
		limit(org.LimitOrganization, p.c.redact(out.Unable.Error()+organizationHint(out, listed)))
	}
	if out.Key != org.VerdictAllowed {
		return // everything else follows from this
	}
	for _, e := range []struct {
		*endpoint
		dispensable []org.Verdict
	}{
		{&p.users, []org.Verdict{org.VerdictForbidden}},
		{&p.suspended, []org.Verdict{org.VerdictForbidden, org.VerdictMissing, org.VerdictUntried}},
		{&p.account, []org.Verdict{org.VerdictForbidden, org.VerdictMissing}},
	} {
		if !e.allowed() && !slices.Contains(e.dispensable, e.verdict()) {
			limit(org.LimitListFailed, e.name)
			if out.Unable == nil {
				out.Unable = e.err
			}
		}
	}

	if p.users.verdict() == org.VerdictForbidden {
		limit(org.LimitUsersUnseen, "")
		if p.invitations.allowed() && !slices.ContainsFunc(listed, func(i org.Invitation) bool { return i.Status == org.StatusAccepted }) {
			limit(org.LimitAcceptanceUnseen, "")
		}
	}
	if !p.suspended.allowed() {
		limit(org.LimitSuspendedUnseen, "")
	}
	isSelf := func(u org.User) bool { return u.Email.Equal(out.Self) }
	if out.Self.IsZero() || p.users.allowed() && !slices.ContainsFunc(people, isSelf) {
		limit(org.LimitSelfUnseen, "")
	}
	p.diagnoseAccess(limit)
	p.diagnoseInvitations(listed, limit)
	if out.Ahead == nil {
		limit(org.LimitClockUnseen, "")
	}
}

// key returns what the answers say about the key; see [org.Checkup.Key].
func (p *probe) key() org.Verdict {
	key := org.VerdictFailed
	for _, e := range p.all() {
		switch verdict := e.verdict(); {
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
func organizationHint(out *org.Checkup, listed []org.Invitation) string {
	own := organizationsIn(listed)
	if len(own) != 1 || out.Organization.ID != "" {
		return ""
	}
	return fmt.Sprintf("; its invitations are for %q (%s)", own[0].Name, own[0].ID)
}

// diagnoseAccess is diagnose for groups, roles and policies.
func (p *probe) diagnoseAccess(limit func(org.LimitKind, string)) {
	for _, kind := range org.Kinds {
		holders := p.holders[kind].verdict()
		switch {
		case !p.access[kind].allowed():
			limit(org.LimitAccessUnseen, string(kind))
		case holders == org.VerdictAllowed || holders == org.VerdictUntried:
		case kind == org.KindGroup && holders == org.VerdictMissing: // the list of groups has members, too
		default:
			limit(org.LimitHoldersUnseen, string(kind))
		}
	}
}

// diagnoseInvitations is diagnose for the fields of the invitations.
func (p *probe) diagnoseInvitations(listed []org.Invitation, limit func(org.LimitKind, string)) {
	pending, dated, withExpiration := 0, 0, 0
	var unknown []string
	for _, i := range listed {
		switch {
		case i.Status == org.StatusUnknown && i.StatusText != "" && len(unknown) < maxTraitValues:
			unknown = append(unknown, shorten(i.StatusText))
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
		limit(org.LimitDatesUnseen, "")
	case withExpiration < pending:
		limit(org.LimitExpirationUnseen, "")
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		limit(org.LimitStatusNotUnderstood, strings.Join(slices.Compact(unknown), ", "))
	}
}

// findNonAPIAnswer returns an answer that is a web page or a redirect, and so not from the API;
// nil if there is none.
func (p *probe) findNonAPIAnswer() *exchange {
	for _, e := range p.all() {
		for i, x := range e.exchanges {
			if x.status/100 == 3 || x.status != 0 && isHTML(x.header) {
				return &e.exchanges[i]
			}
		}
	}
	return nil
}

// observations adds what the headers say. The clock is compared with the fastest answer, which is
// the most accurate.
func (p *probe) observations(out *org.Checkup) {
	out.RateHeaders = map[string]string{}
	quickest := time.Duration(-1)
	for _, e := range p.all() {
		for _, x := range e.exchanges {
			if x.status == http.StatusTooManyRequests {
				out.Throttled++
			}
			for _, name := range rateHeaders {
				if value := x.header.Get(name); value != "" {
					out.RateHeaders[name] = p.c.clean(value)
				}
			}
			date, err := http.ParseTime(x.header.Get("Date"))
			if err == nil && (quickest < 0 || x.took < quickest) {
				quickest = x.took
				out.Ahead = new(date.Sub(x.at))
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
