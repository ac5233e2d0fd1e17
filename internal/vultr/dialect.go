package vultr

import (
	"cmp"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// axes are the points on which the documents contradict each other or say nothing, as far as reading can tell. Where the
// simulated API can play a point, name and values are those of its axis.
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
	{"group-members", "members inside the list of groups"},
	{"member-id", "the id of a group's member"},
	{"removal", "members who were taken out of a group"},
	{"relations", "the lists of who has a role or policy"},
	{"content-type", "Content-Type"},
	{"meta", "meta on a last page"},
	{"end-cursor", "meta.links.next on a last page"},
}

// maxSeen is how many values of one axis are told of; more would be a field that holds free text.
const maxSeen = 20

// traits are the values seen of each axis, made fit to be told by clean.
type traits struct {
	seen  map[string]map[string]bool
	clean func(string) string
}

func newTraits(clean func(string) string) traits {
	return traits{map[string]map[string]bool{}, clean}
}

func (t traits) see(axis, value string) {
	value = t.clean(value)
	if value == "" || len(t.seen[axis]) == maxSeen {
		return
	}
	if t.seen[axis] == nil {
		t.seen[axis] = map[string]bool{}
	}
	t.seen[axis][value] = true
}

// list is t with every axis, in their order.
func (t traits) list() []org.Trait {
	all := make([]org.Trait, len(axes))
	for i, axis := range axes {
		all[i] = org.Trait{Axis: axis.name, About: axis.about, Seen: slices.Sorted(maps.Keys(t.seen[axis.name]))}
	}
	return all
}

// answer learns from any JSON answer.
func (t traits) answer(h http.Header) {
	raw := h.Get("Content-Type")
	mediaType, params, _ := mime.ParseMediaType(raw)
	switch {
	case raw == "":
		t.see("content-type", "missing")
	case mediaType == "application/json" && len(params) > 0:
		t.see("content-type", "charset")
	case mediaType == "application/json":
		t.see("content-type", "json")
	case strings.HasSuffix(mediaType, "+json"):
		t.see("content-type", "vendor")
	default:
		t.see("content-type", cmp.Or(mediaType, "unreadable"))
	}
}

// page learns from one page of a list. On pages that another one follows, every dialect names it in the same way.
func (t traits) page(top fields) {
	meta := top.object("meta")
	raw, told := meta["links"]
	links := meta.object("links")
	next, named := links["next"]
	switch {
	case string(top["meta"]) == "null":
		t.see("meta", "null")
	case top["meta"] == nil:
		t.see("meta", "missing")
	case meta == nil:
		t.see("meta", "other")
	case links.text("next") != "":
	case !told:
		t.see("meta", "total")
	case links == nil:
		t.see("meta", "full")
		t.see("end-cursor", kindOf(raw)+" links")
	default:
		t.see("meta", "full")
		switch {
		case !named:
			t.see("end-cursor", "missing")
		case string(next) == `""`:
			t.see("end-cursor", "text")
		default:
			t.see("end-cursor", kindOf(next))
		}
	}
}

// dates learns from the dates of any row. That expiration_date is told at all is an axis of its own.
func (t traits) dates(row fields) {
	for name, raw := range row {
		if !strings.HasPrefix(name, "date_") && !strings.HasSuffix(name, "_date") {
			continue
		}
		text := row.text(name)
		switch {
		case text != "":
			t.see("dates", dateForm(raw, text))
			continue
		case name == "date_created": // always set: who does not tell it tells no dates
			t.see("dates", unset(raw))
		}
		if name != "expiration_date" {
			t.see("unset-dates", unset(raw))
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

// unset is how a value says that it is none.
func unset(raw json.RawMessage) string {
	if string(raw) == `""` {
		return "empty"
	}
	return kindOf(raw)
}

// kindOf is the kind of a JSON value in a word.
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

// invitation learns from one row of the list, as of now.
func (t traits) invitation(row fields, now time.Time) {
	i := decodeInvitation(row)
	t.see("permissions", permissionsForm(row))
	t.see("status", kindOf(row["status"]))
	t.see("status-values", row.text("status"))
	if word := row.text("invite_status"); word != "" {
		t.see("status-words", word)
		t.see("words", lettersOf(word))
	}
	switch {
	case i.Status == org.StatusExpired:
		t.see("lapsed", "expired")
	case i.Lapses().IsZero() || i.Lapses().After(now):
	case i.Status == org.StatusPending:
		t.see("lapsed", "pending")
	case i.Status == org.StatusUnknown && i.Responded.IsZero():
		t.see("lapsed", i.StatusText)
	}
	if i.Status == org.StatusAccepted {
		t.see("accepted", "listed")
	}
	if !i.Registered.IsZero() && !i.Invited.IsZero() {
		same := "same"
		if !i.Registered.Equal(i.Invited) {
			same = "another"
		}
		t.see("registered", same)
	}
	expiration := "told"
	if row.text("expiration_date") == "" {
		expiration = unset(row["expiration_date"])
	}
	t.see("expiration", expiration)
}

func permissionsForm(row fields) string {
	raw := row["permissions"]
	form := kindOf(raw)
	if form == "text" {
		if permissions(row) != nil {
			return "json"
		}
		return "text"
	}
	if form != "object" {
		return form
	}
	enabled := permissions(row)["api_enabled"]
	switch kind := kindOf(enabled); kind {
	case "text":
		return "yes-no"
	case "absent":
		return "object"
	default:
		return kind
	}
}

func lettersOf(word string) string {
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

// suspension learns which lists have suspended users: all is the list of users, own that of the suspended. Without known,
// the key may not read the second one, and nobody can tell what is in it.
func (t traits) suspension(all, own []fields, known bool) {
	listed := map[string]fields{}
	for _, row := range all {
		listed[row.text("id")] = row
	}
	apart := map[string]bool{}
	for _, row := range own {
		id := row.text("id")
		apart[id] = true
		other, both := listed[id]
		if !both {
			t.see("suspended", "own")
			continue
		}
		t.see("suspended", "both")
		t.see("suspended-status", cmp.Or(other.text("status"), kindOf(other["status"])))
	}
	for id, row := range listed {
		if decodeUser(row).Suspended && !apart[id] {
			t.see("suspended-status", row.text("status"))
			if known {
				t.see("suspended", "users")
			}
		}
	}
}

// members learns from the members of one group: as the group itself names them, and as their own list does.
func (t traits) members(group fields, list, users []fields) {
	switch embedded := len(group.objects("members")); {
	case embedded > 0 && embedded == len(list):
		t.see("group-members", "all")
	case embedded < len(list):
		t.see("group-members", "capped")
	}
	ids, emails, suspended := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, row := range users {
		u := decodeUser(row)
		ids[u.ID] = true
		if !u.Email.IsZero() {
			emails[u.Email.Key()] = true
			suspended[u.Email.Key()] = u.Suspended
		}
	}
	for _, row := range list {
		h := decodeHolder(row)
		switch {
		case ids[h.id]:
			t.see("member-id", "user")
		case ids[h.userID] || emails[h.email.Key()]:
			t.see("member-id", "own")
		}
		if h.inactive && !suspended[h.email.Key()] {
			t.see("removal", "soft")
		}
	}
}

// traits learns from all answers. group is the one whose members were asked for; nil: none was.
func (p *probe) traits(out org.Checkup, group *accessRow) []org.Trait {
	t := newTraits(p.c.clean)
	for _, e := range p.all() {
		for _, x := range e.exchanges {
			if x.ok() {
				t.answer(x.header)
			}
		}
		if e.keys == nil || !e.allowed() {
			continue
		}
		for _, x := range e.reading() {
			t.page(x.top)
		}
		for _, row := range e.rawRows() {
			t.dates(row)
		}
	}
	if x := p.invitation.exchanges; p.invitation.allowed() {
		if x[len(x)-1].top.object("invitation") != nil {
			t.see("envelope", "wrapped")
		} else {
			t.see("envelope", "bare")
		}
	}
	p.invitations.see(t, "invitations-key", "invitations", "invites")
	p.organizations.see(t, "organizations-key", "organizations", "orgs")
	switch n := len(out.Organizations); {
	case n == 1:
		t.see("organizations", "one")
	case n > 1:
		t.see("organizations", "several")
	}
	for _, row := range p.invitations.rawRows() {
		t.invitation(row, out.At)
	}
	people := p.users.rawRows()
	present, missing := p.suspended.allowed(), p.suspended.verdict() == org.VerdictMissing
	if present {
		t.see("suspended-endpoint", "present")
	}
	if missing {
		t.see("suspended-endpoint", "missing")
	}
	t.suspension(people, p.suspended.rawRows(), present || missing)
	if group != nil && p.holders[org.KindGroup].allowed() {
		for _, row := range p.access[org.KindGroup].rawRows() {
			if row.text("id") == group.ID {
				t.members(row, p.holders[org.KindGroup].rawRows(), people)
			}
		}
	}
	for _, kind := range []org.Kind{org.KindRole, org.KindPolicy} {
		p.holders[kind].see(t, "relations", "rows", "direct")
	}
	return t.list()
}
