package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// Doctor is what a report tells about a check-up beyond what was found.
type Doctor struct {
	Run
	// Dialect is how the simulated API is told to speak like this one.
	Dialect string
	// Recorded is the folder that the answers were kept in; "" when they were not.
	Recorded string
	// Note says why there was no roster to compare with; "" when there was one.
	Note string
}

// DoctorText writes c for a person: whom the key speaks for, what each request was answered, how the API speaks, and what
// orgsync cannot do therefore. The error is w's.
func DoctorText(w io.Writer, d Doctor, c org.Checkup, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	for _, line := range identity(c, Clean) {
		out.say(line)
	}
	if len(c.Organizations) > 1 {
		out.say(organizationCount(c))
		for _, o := range c.Organizations {
			out.say("  " + called(o, Clean))
		}
	}
	if d.Note != "" {
		out.say(Clean(d.Note, messageWidth))
	}
	out.line("")
	out.say(mayRead + ":")
	out.section(endpointRows(c.Endpoints, Clean), 3)
	if spoke(c) {
		out.say(speaks + ":")
		out.section(traitRows(c.Traits, Clean), 2)
	}
	out.say(aboutServer + ":")
	for _, line := range server(c, Clean) {
		out.wrapped("  ", line)
	}
	out.line("")
	if len(c.Limits) > 0 {
		out.say(cannot + ":")
		for _, l := range c.Limits {
			out.wrapped("  ", "- "+limitation(l, Clean))
		}
		out.line("")
	}
	if d.Dialect != "" {
		out.say(toTry + ":")
		out.line("  " + d.simulation())
		out.line("")
	}
	if d.Recorded != "" {
		out.say(d.recording(Clean))
	}
	out.say(upshot(c))
	return out.flush()
}

// What stands above the parts of a check-up.
const (
	mayRead     = "What the key may read"
	speaks      = "How the API speaks, where its documents leave it open"
	aboutServer = "The server"
	cannot      = "What orgsync cannot do therefore"
	toTry       = "To try orgsync against a simulated API that speaks like this"
)

// spoke tells whether anything was seen of how the API speaks.
func spoke(c org.Checkup) bool {
	return slices.ContainsFunc(c.Traits, func(t org.Trait) bool { return len(t.Seen) > 0 })
}

func (d Doctor) simulation() string { return "orgsync sandbox serve --dialect " + d.Dialect }

func (d Doctor) recording(show shower) string {
	return fmt.Sprintf("The answers are in %s, with everything personal replaced; README.txt there says more.", show(d.Recorded, addressWidth))
}

// upshot says what a check-up comes to.
func upshot(c org.Checkup) string {
	if c.Unable != nil {
		return "With this key nothing can be planned."
	}
	return "The key can read what a plan needs. Whether it may invite shows only when it does: a check-up sends nothing."
}

// identity says whether the key works and whose it is.
func identity(c org.Checkup, show shower) []string {
	var lines []string
	switch c.Key {
	case org.VerdictAllowed:
		lines = append(lines, "The key works.")
	case org.VerdictRefused:
		lines = append(lines, "The key does not work: the API refuses it.")
	default:
		lines = append(lines, "Whether the key works cannot be told: no request was answered as it should be.")
	}
	if !c.Self.IsZero() {
		lines = append(lines, "Its account is that of "+show(c.Self.String(), addressWidth)+".")
	}
	switch {
	case c.Organization != (org.Organization{}):
		lines = append(lines, "It acts on the organization "+called(c.Organization, show)+".")
	case c.Key == org.VerdictAllowed:
		lines = append(lines, "Which organization it acts on cannot be told.")
	}
	return lines
}

func organizationCount(c org.Checkup) string {
	return fmt.Sprintf("It lists %d organizations:", len(c.Organizations))
}

// called is o by its name and id; "" where it has neither.
func called(o org.Organization, show shower) string {
	return strings.TrimSpace(show(o.Name, addressWidth) + bracketed(show(o.ID, addressWidth)))
}

var verdictColors = map[org.Verdict]color{
	org.VerdictAllowed: green, org.VerdictForbidden: yellow, org.VerdictMissing: yellow, org.VerdictRefused: red,
	org.VerdictFailed: red, org.VerdictUntried: faint,
}

func endpointRows(endpoints []org.Endpoint, show shower) [][]cell {
	var rows [][]cell
	for _, e := range endpoints {
		latency := ""
		switch {
		case e.Latency >= time.Millisecond:
			latency = e.Latency.Round(time.Millisecond).String()
		case e.Latency > 0:
			latency = "<1ms"
		}
		rows = append(rows, []cell{
			{text: e.Name}, {string(e.Verdict), verdictColors[e.Verdict]}, {text: latency}, {text: answered(e, show)}, {show("GET "+e.Path, messageWidth), faint},
		})
	}
	return rows
}

// answered says what came of an endpoint beyond the verdict.
func answered(e org.Endpoint, show shower) string {
	said := show(e.Message, messageWidth)
	if e.Status >= 300 {
		said = strings.TrimSuffix(fmt.Sprintf("HTTP %d: %s", e.Status, said), ": ")
	}
	switch e.Verdict {
	case org.VerdictAllowed:
		return count(e.Rows, "row", "rows") + " on " + count(max(1, e.Pages), "page", "pages")
	case org.VerdictForbidden:
		return "it likely takes " + cmp.Or(show(e.Permission, addressWidth), "an administrator's key") + "; " + said
	case org.VerdictUntried:
		return "there was none to ask for"
	default:
		return said
	}
}

func traitRows(traits []org.Trait, show shower) [][]cell {
	var rows [][]cell
	for _, t := range traits {
		seen := cell{text: show(strings.Join(t.Seen, ", "), messageWidth)}
		if len(t.Seen) == 0 {
			seen = cell{"not seen", faint}
		}
		rows = append(rows, []cell{{text: t.Axis}, seen, {t.About, faint}})
	}
	return rows
}

// server says what the headers of the answers told.
func server(c org.Checkup, show shower) []string {
	clock := "no answer had a date: the clock of this machine is used"
	if c.Ahead != nil {
		const precision = 2 * time.Second // a date has whole seconds, and was on its way
		switch ahead := *c.Ahead; {
		case ahead.Abs() < precision:
			clock = "its clock agrees with that of this machine"
		case ahead < time.Minute && ahead > -time.Minute:
			clock = fmt.Sprintf("its clock is %d seconds %s that of this machine", int(ahead.Abs().Seconds()), side(ahead))
		default:
			clock = fmt.Sprintf("its clock is %s %s that of this machine; orgsync goes by the server's", span(ahead.Abs()), side(ahead))
		}
	}
	lines := []string{clock}
	if len(c.RateHeaders) == 0 {
		lines = append(lines, "no headers about rates were seen")
	}
	for _, name := range slices.Sorted(maps.Keys(c.RateHeaders)) {
		lines = append(lines, show(name+": "+c.RateHeaders[name], messageWidth))
	}
	if c.Throttled > 0 {
		lines = append(lines, count(c.Throttled, "answer was", "answers were")+" 429: too many requests")
	}
	return lines
}

func side(ahead time.Duration) string {
	if ahead < 0 {
		return "behind"
	}
	return "ahead of"
}

// limitation says l in a sentence.
func limitation(l org.Limit, show shower) string {
	detail := show(l.Detail, 2*messageWidth) // may name organizations
	many := map[org.Kind]string{org.KindGroup: "groups", org.KindRole: "roles", org.KindPolicy: "policies"}[org.Kind(l.Detail)]
	switch l.Kind {
	case org.LimitKeyRefused:
		return "the key does not work: nothing can be read or sent"
	case org.LimitIntercepted:
		return fmt.Sprintf("something other than the API answers (%s): a captive portal, a proxy, or a wrong --api-url", detail)
	case org.LimitInvitationsUnseen:
		return "invitations cannot be listed: nothing can be planned"
	case org.LimitOrganization:
		return "the organization cannot be told, so nothing can be planned: " + detail
	case org.LimitListFailed:
		return fmt.Sprintf("%s cannot be read, for a reason that is no missing right: nothing can be planned until that is over", detail)
	case org.LimitUsersUnseen:
		return "users cannot be listed: membership is judged by invitations alone, access cannot be managed, and nobody can be suspended or removed"
	case org.LimitAcceptanceUnseen:
		return "no accepted invitation is listed either: who has accepted may look like somebody who never answered"
	case org.LimitSuspendedUnseen:
		return "suspended users cannot be listed: one of them may look like somebody who left"
	case org.LimitSelfUnseen:
		return "the key's own user is not known: nobody is suspended or removed, and nothing is taken from anybody"
	case org.LimitAccessUnseen:
		return fmt.Sprintf("%s cannot be listed: a roster that names %s cannot be planned", many, many)
	case org.LimitHoldersUnseen:
		return fmt.Sprintf("who has which of the %s cannot be listed: a roster that names %s cannot be planned", many, many)
	case org.LimitDatesUnseen:
		return "invitations have no dates: when they expire is known only from the ledger"
	case org.LimitExpirationUnseen:
		return "invitations do not say when they expire: three days after they were created is assumed"
	case org.LimitStatusNotUnderstood:
		return fmt.Sprintf("the status of some invitations is not understood (%s): what becomes of them is left to you", detail)
	case org.LimitClockUnseen:
		return "answers have no date: expiry is judged by the clock of this machine"
	}
	return strings.TrimSuffix(strings.ReplaceAll(string(l.Kind), "_", " ")+": "+detail, ": ")
}
