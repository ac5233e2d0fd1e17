package vultr

import (
	"cmp"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// axes are the points on which the documents contradict each other or say nothing, and which GET
// requests can show. If the simulated API has the same axis, the name and the values are the same.
var axes = []struct{ name, about string }{
	{"envelope", "an answer about one object"},
	{"invitations-key", "the key of the list of invitations"},
	{"organizations-key", "the key of the list of organizations"},
	{"organizations", "how many organizations the key lists"},
	{"permissions", "permissions of an invitation"},
	{"status", "status of an invitation"},
	{"status-values", "all values of status"},
	{"words", "the letters of invite_status"},
	{"status-words", "all words of invite_status"},
	{"lapsed", "an invitation that nobody accepted in time"},
	{"accepted", "accepted invitations"},
	{"registered", "email_registered beside email_invited"},
	{"dates", "dates"},
	{"unset-dates", "a date that is not set"},
	{"expiration", "expiration_date of an invitation"},
	{"suspended", "the lists that have suspended users"},
	{"suspended-status", "status of a suspended user in the list of users"},
	{"suspended-endpoint", "the list of suspended users"},
	{"invite-accepted", "invite_accepted of users, and invited people in the list"},
	{"group-members", "members inside the list of groups"},
	{"member-id", "the id of a group's member"},
	{"removal", "members who were taken out of a group"},
	{"relations", "the lists of who has a role or policy"},
	{"content-type", "Content-Type"},
	{"meta", "meta on a last page"},
	{"end-cursor", "meta.links.next on a last page"},
}

// Trait has what the answers of the API show about one axis: a point on which the documents
// contradict each other or say nothing.
type Trait struct {
	// Axis is the name of the axis. If the simulated API has an axis of this name, its values have the
	// same meaning.
	Axis string
	// About describes the axis in a few words.
	About string
	// Seen are the values in the answers, sorted, without duplicates. It is empty if the organization has no example. A
	// value may be a text from the server, in the form that [Client.CleanText] returns.
	Seen []string
}

// maxTraitValues is the maximum number of values that are kept for one axis. A field with more
// values has free text.
const maxTraitValues = 20

// traits collects the values of each axis. clean makes a value safe to print.
type traits struct {
	seen  map[string][]string
	clean func(string) string
}

func newTraits(clean func(string) string) traits { return traits{map[string][]string{}, clean} }

// add adds a value, unless it is empty.
func (t traits) add(axis, value string) {
	value = t.clean(value)
	if seen := t.seen[axis]; value != "" && len(seen) < maxTraitValues && !slices.Contains(seen, value) {
		t.seen[axis] = append(seen, value)
	}
}

// list returns all axes in order, with their values.
func (t traits) list() []Trait {
	all := make([]Trait, len(axes))
	for i, axis := range axes {
		all[i] = Trait{Axis: axis.name, About: axis.about, Seen: slices.Sorted(slices.Values(t.seen[axis.name]))}
	}
	return all
}

// addContentType adds the form of the Content-Type of a JSON answer.
func (t traits) addContentType(h http.Header) {
	raw := h.Get("Content-Type")
	mediaType, params, _ := mime.ParseMediaType(raw)
	switch {
	case raw == "":
		t.add("content-type", "missing")
	case mediaType == "application/json" && len(params) > 0:
		t.add("content-type", "charset")
	case mediaType == "application/json":
		t.add("content-type", "json")
	case strings.HasSuffix(mediaType, "+json"):
		t.add("content-type", "vendor")
	default:
		t.add("content-type", cmp.Or(mediaType, "unreadable"))
	}
}

// addPage adds the form of meta in a page of a list. It skips pages with a next page, because only
// last pages differ between dialects.
func (t traits) addPage(top fields) {
	meta := top.object("meta")
	rawLinks, hasLinks := meta["links"]
	links := meta.object("links")
	next, hasNext := links["next"]
	switch {
	case string(top["meta"]) == "null":
		t.add("meta", "null")
	case top["meta"] == nil:
		t.add("meta", "missing")
	case meta == nil:
		t.add("meta", "other")
	case links.text("next") != "":
	case !hasLinks:
		t.add("meta", "total")
	case links == nil:
		t.add("meta", "full")
		t.add("end-cursor", kindOf(rawLinks)+" links")
	default:
		t.add("meta", "full")
		switch {
		case !hasNext:
			t.add("end-cursor", "missing")
		case string(next) == `""`:
			t.add("end-cursor", "text")
		default:
			t.add("end-cursor", kindOf(next))
		}
	}
}

// addDates adds the forms of the dates in a row. It leaves out an expiration_date that is not set, which has its own
// axis.
func (t traits) addDates(row fields) {
	for name, raw := range row {
		if !strings.HasPrefix(name, "date_") && !strings.HasSuffix(name, "_date") {
			continue
		}
		text := row.text(name)
		switch {
		case text != "":
			t.add("dates", dateForm(raw, text))
			continue
		case name == "date_created": // every row should have this date; without it, the API shows no dates
			t.add("dates", emptyForm(raw))
		}
		if name != "expiration_date" {
			t.add("unset-dates", emptyForm(raw))
		}
	}
}

func dateForm(raw json.RawMessage, text string) string {
	if kind := kindOf(raw); kind != "text" {
		return kind
	}
	if _, err := time.Parse(time.DateTime, text); err == nil {
		return "sql"
	}
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return "other"
	}
	if strings.HasSuffix(text, "Z") {
		return "z"
	}
	return "offset"
}

// emptyForm returns the form of a value that is not set.
func emptyForm(raw json.RawMessage) string {
	if string(raw) == `""` {
		return "empty"
	}
	return kindOf(raw)
}

// kindOf returns the kind of a JSON value as a word; "absent" if raw is empty.
func kindOf(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "absent"
	}
	switch raw[0] {
	case '"':
		return "text"
	case '{':
		return "object"
	case '[':
		return "list"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	}
	return "number"
}

// addInvitation adds what a row of the list of invitations shows. now is the server's time.
func (t traits) addInvitation(row fields, now time.Time) {
	i := decodeInvitation(row)
	t.add("permissions", permissionsForm(row))
	t.add("status", kindOf(row["status"]))
	t.add("status-values", row.text("status"))
	if word := row.text("invite_status"); word != "" {
		t.add("status-words", word)
		t.add("words", letterCase(word))
	}
	switch {
	case i.Status == org.StatusExpired:
		t.add("lapsed", "expired")
	case i.ExpiresAt().IsZero() || i.ExpiresAt().After(now):
	case i.Status == org.StatusPending:
		t.add("lapsed", "pending")
	case i.Status == org.StatusUnknown && i.Responded.IsZero():
		t.add("lapsed", i.StatusText)
	}
	if i.Status == org.StatusAccepted {
		t.add("accepted", "listed")
	}
	if !i.Registered.IsZero() && !i.Invited.IsZero() {
		same := "same"
		if !i.Registered.Equal(i.Invited) {
			same = "another"
		}
		t.add("registered", same)
	}
	expiration := "told"
	if row.text("expiration_date") == "" {
		expiration = emptyForm(row["expiration_date"])
	}
	t.add("expiration", expiration)
}

func permissionsForm(row fields) string {
	raw := row["permissions"]
	form := kindOf(raw)
	if form == "text" {
		if decodePermissions(row) != nil {
			return "json"
		}
		return "text"
	}
	if form != "object" {
		return form
	}
	enabled := decodePermissions(row)["api_enabled"]
	switch kind := kindOf(enabled); kind {
	case "text":
		return "yes-no"
	case "absent":
		return "object"
	default:
		return kind
	}
}

func letterCase(word string) string {
	switch {
	case word == strings.ToLower(word):
		return "lower"
	case word == strings.ToUpper(word):
		return "upper"
	case word[1:] == strings.ToLower(word[1:]):
		return "title"
	}
	return "mixed"
}

// addSuspended adds which lists have suspended users. all is the list of users, own the list of
// suspended users. ownKnown is false if the key may not read the second list.
func (t traits) addSuspended(all, own []fields, ownKnown bool) {
	inAll := map[string]fields{}
	for _, row := range all {
		inAll[row.text("id")] = row
	}
	inOwn := map[string]bool{}
	for _, row := range own {
		id := row.text("id")
		inOwn[id] = true
		other, inBoth := inAll[id]
		if !inBoth {
			t.add("suspended", "own")
			continue
		}
		t.add("suspended", "both")
		t.add("suspended-status", cmp.Or(other.text("status"), kindOf(other["status"])))
	}
	for id, row := range inAll {
		if decodeUser(row).Suspended && !inOwn[id] {
			t.add("suspended-status", row.text("status"))
			if ownKnown {
				t.add("suspended", "users")
			}
		}
	}
}

// addMembers adds how the API lists the members of a group. group is the row of the group in the list of groups,
// which may have members too. list is the list of the members of this group, and users is the list of all users.
func (t traits) addMembers(group fields, list, users []fields) {
	switch embedded := len(decodeObjects(group["members"])); {
	case embedded > 0 && embedded == len(list):
		t.add("group-members", "all")
	case embedded < len(list):
		t.add("group-members", "capped")
	}
	isUserID := map[string]bool{}
	suspended := map[string]bool{} // whether the user with this address is suspended
	for _, row := range users {
		u := decodeUser(row)
		isUserID[u.ID] = true
		if !u.Email.IsZero() {
			suspended[u.Email.Key()] = u.Suspended
		}
	}
	for _, row := range list {
		h := accessRow{}.decodeHolder(row)
		isSuspended, isUser := suspended[h.email.Key()]
		switch {
		case isUserID[h.id]:
			t.add("member-id", "user")
		case isUserID[h.userID] || isUser:
			t.add("member-id", "own")
		}
		if h.inactive && !isSuspended {
			t.add("removal", "soft")
		}
	}
}

// addAcceptance adds whether the list of users has invited people, and where the API shows this. single has the answers
// about single users.
func (t traits) addAcceptance(users []fields, single []Exchange) {
	says := func(accepted bool) func(fields) bool {
		return func(f fields) bool { return f.is("invite_accepted", accepted) }
	}
	isInvited := func(x Exchange) bool { return says(false)(x.top.unwrap("user")) }
	switch {
	case slices.ContainsFunc(users, says(false)):
		t.add("invite-accepted", "invited")
	case slices.ContainsFunc(users, says(true)):
		t.add("invite-accepted", "told")
	case slices.ContainsFunc(single, isInvited):
		t.add("invite-accepted", "single")
	case len(users) > 0:
		t.add("invite-accepted", "absent")
	}
}

// Traits returns all axes in a fixed order, with the values in the answers of the survey.
func (s *Survey) Traits() []Trait {
	t := newTraits(s.client.CleanText)
	for _, e := range s.Endpoints() {
		for _, x := range e.Exchanges {
			if x.ok() {
				t.addContentType(x.Header)
			}
		}
		if e.keys == nil || !e.Allowed() {
			continue
		}
		for _, x := range e.lastRead() {
			t.addPage(x.top)
		}
		for _, row := range e.rawRows() {
			t.addDates(row)
		}
	}
	if x := s.Invitation.Exchanges; s.Invitation.Allowed() {
		if x[len(x)-1].top.object("invitation") != nil {
			t.add("envelope", "wrapped")
		} else {
			t.add("envelope", "bare")
		}
	}
	s.Invitations.addKeyTrait(t, "invitations-key", "invitations", "invites")
	s.Organizations.addKeyTrait(t, "organizations-key", "organizations", "orgs")
	switch n := len(s.Found.Organizations); {
	case n == 1:
		t.add("organizations", "one")
	case n > 1:
		t.add("organizations", "several")
	}
	for _, row := range s.Invitations.rawRows() {
		t.addInvitation(row, s.At)
	}
	people := s.Users.rawRows()
	present, missing := s.Suspended.Allowed(), s.Suspended.Verdict() == org.VerdictMissing
	if present {
		t.add("suspended-endpoint", "present")
	}
	if missing {
		t.add("suspended-endpoint", "missing")
	}
	if s.Users.Allowed() {
		t.addSuspended(people, s.Suspended.rawRows(), present || missing)
		t.addAcceptance(people, s.User.Exchanges)
	}
	if s.Holders[org.KindGroup].Allowed() { // s.group is not nil
		for _, row := range s.Access[org.KindGroup].rawRows() {
			if row.text("id") == s.group.ID {
				t.addMembers(row, s.Holders[org.KindGroup].rawRows(), people)
			}
		}
	}
	for _, kind := range []org.Kind{org.KindRole, org.KindPolicy} {
		s.Holders[kind].addKeyTrait(t, "relations", "rows", "direct")
	}
	return t.list()
}
