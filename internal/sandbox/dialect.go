package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

// Dialect is one way in which the real API may behave, on points where its documents contradict each other or say
// nothing. Each field is one axis, and all values of all axes can be combined. The zero value of an axis is the
// behaviour in Vultr's reference or how-to pages or, if they say nothing, the most likely behaviour.
type Dialect struct {
	Envelope          string // the form of an answer about a single object
	InvitationsKey    string // the key of the list of invitations
	OrganizationsKey  string // the key of the list of organizations
	Permissions       string // the form of the permissions of an invitation in answers
	Asking            string // the form of api_enabled in the request for an invitation
	Dates             string // the form of a date
	Expiration        string // whether an invitation has an expiration_date
	StatusField       string // the form of `status` of an invitation, and of a group in the answer to a change
	StatusWords       string // the letters of `invite_status`
	ContentType       string // the Content-Type of each answer with a body
	Lapsed            string // how an expired invitation is shown
	Accepted          string // whether accepted invitations stay in the list
	Declined          string // whether declined and cancelled invitations stay in the list
	ResendID          string // whether an invitation keeps its id when it is resent
	ResendLapsed      string // the answer if an expired invitation is resent
	InviteLapsed      string // the answer if an address is invited whose invitation has expired
	Duplicate         string // the answer if an address is invited whose invitation is pending
	Member            string // the answer if an address is invited that belongs to a user
	Suspended         string // the lists that have suspended users
	SuspendedEndpoint string // whether there is a list of suspended users
	Meta              string // the form of meta in lists
	EndCursor         string // meta.links.next of a last page
	InvitedEmail      string // whether email_invited in answers is in lower case
	Patch             string // the answer to PATCH /v2/users/{id}
	GroupMembers      string // the members inside group objects
	MemberID          string // the id of a group member
	Relations         string // the form of the lists of holders of roles and policies, and similar lists
	Removal           string // whether a removed group member stays in the list of members
	Organizations     string // how many organizations the key may list
	InviteAccepted    string // whether the list of users says who has accepted
	Escape            string // how addresses and names are escaped in answers
	Paging            string // whether all pages of a list show the same moment
}

// The values of the axes.
const (
	EnvelopeWrapped = ""     // {"invitation": {…}} (OpenAPI file)
	EnvelopeBare    = "bare" // {…} (govultr)

	InvitationsFull  = ""        // "invitations" (OpenAPI file)
	InvitationsShort = "invites" // "invites" (govultr)

	OrganizationsFull  = ""     // "organizations" (OpenAPI file)
	OrganizationsShort = "orgs" // "orgs" (govultr)

	PermissionsBool   = ""       // {"api_enabled": true} (govultr)
	PermissionsYesNo  = "yes-no" // {"api_enabled": "yes"}, as in the documented request
	PermissionsNumber = "number" // {"api_enabled": 1}
	PermissionsJSON   = "json"   // "{\"api_enabled\":true}": the OpenAPI file says string
	PermissionsText   = "text"   // "api_enabled" or ""
	PermissionsNull   = "null"   // null
	PermissionsList   = "list"   // [], PHP's empty object

	AskingYesNo  = ""     // "yes" or "no" (how-to-invite page); 400 to anything else
	AskingBool   = "bool" // true or false (govultr); 400 to anything else
	AskingEither = "either"

	DatesOffset = ""      // 2026-06-01T10:00:00+00:00; unset is null
	DatesZ      = "z"     // 2026-06-01T10:00:00Z; unset is null
	DatesSQL    = "sql"   // 2026-06-01 10:00:00; unset is ""
	DatesEmpty  = "empty" // every date is ""
	// Forms that other web APIs use. Unset is null, but 0 with DatesUnix.
	DatesZone = "zone"    // 2026-06-01T12:00:00+0200
	DatesUnix = "unix"    // 1780308000
	DatesMail = "rfc1123" // Mon, 01 Jun 2026 10:00:00 GMT
	DatesPHP  = "php"     // {"date": "2026-06-01 10:00:00.000000", "timezone_type": 3, "timezone": "UTC"}

	ExpirationTold  = ""
	ExpirationNull  = "null"
	ExpirationEmpty = "empty" // ""

	StatusText   = ""       // "status": "pending"
	StatusNumber = "number" // "status": 1
	StatusAbsent = "absent"

	WordsTitle = ""      // Pending, Accepted (how-to-invite page)
	WordsLower = "lower" // pending
	WordsUpper = "upper" // PENDING

	ContentTypeJSON    = ""        // application/json
	ContentTypeCharset = "charset" // application/json; charset=utf-8
	ContentTypeVendor  = "vendor"  // application/vnd.api+json
	ContentTypeMissing = "missing" // no header

	LapsedPending = ""        // Pending: only expiration_date shows that it has expired
	LapsedMarked  = "expired" // Expired, in the letters of StatusWords
	LapsedVanish  = "vanish"  // not listed, and 404 for its id

	AcceptedListed = ""
	AcceptedVanish = "vanish" // not listed ("list all pending invitations"), but still there under its id

	DeclinedListed = ""
	DeclinedVanish = "vanish" // not listed, but still there under its id

	ResendSameID = ""
	ResendNewID  = "new" // a new invitation replaces the old one

	ResendLapsedSent = ""
	ResendLapsed400  = "400"
	ResendLapsed404  = "404"

	InviteLapsedNew  = ""
	InviteLapsedSame = "same" // 201 with the expired invitation, renewed

	Duplicate400     = ""
	Duplicate409     = "409"
	DuplicateSame    = "same"    // 200 with the pending invitation, no mail
	DuplicateSecond  = "second"  // 201: a second mail and a second invitation
	DuplicateReplace = "replace" // 201: a second mail, and the new invitation replaces the old one

	Member400 = ""
	Member422 = "422"

	SuspendedBoth   = ""      // in /v2/users with status false, and in suspended-users
	SuspendedUsers  = "users" // only in /v2/users
	SuspendedListed = "own"   // only in suspended-users

	SuspendedEndpointPresent = ""
	SuspendedEndpointMissing = "missing" // 404

	MetaFull    = ""        // total and links
	MetaTotal   = "total"   // total, but no links on the last page
	MetaNull    = "null"    // null if the list fits one page
	MetaMissing = "missing" // no meta if the list fits one page

	EndCursorEmpty   = "" // ""
	EndCursorNull    = "null"
	EndCursorMissing = "missing"

	InvitedAsSent = ""
	InvitedLower  = "lower"

	Patch204 = ""    // OpenAPI file
	Patch202 = "202" // with the user as body (how-to page)

	GroupMembersAll    = ""
	GroupMembersCapped = "capped" // the first five; /v2/groups/{id}/members has all

	MemberIDUser = ""    // the id of the user (govultr)
	MemberIDOwn  = "own" // the id of the membership ("Group Member ID")

	RelationsRows   = ""       // lists of relationships (OpenAPI file)
	RelationsDirect = "direct" // {all, direct, inherited} and assignments (govultr)

	RemovalFull = ""
	RemovalSoft = "soft" // stays among the members with active false, and can be restored

	OrganizationsOne     = ""
	OrganizationsSeveral = "several" // two, and the other organization is first

	InviteAcceptedAbsent  = ""        // no invite_accepted in the list of users (OpenAPI file)
	InviteAcceptedTold    = "told"    // invite_accepted is true for each user
	InviteAcceptedInvited = "invited" // invited people are users too, with invite_accepted false
	// Invited people are users too, but only the answer about a single user has invite_accepted (OpenAPI file).
	InviteAcceptedSingle = "single"

	EscapeNone  = ""
	EscapeHTML  = "html"       // o&#039;brien@example.com, as PHP's htmlspecialchars writes it
	EscapeTwice = "html-twice" // o&amp;#039;brien@example.com
	EscapeSlash = "slashes"    // o\'brien@example.com, as PHP's addslashes writes it

	PagingMoment = ""       // all pages show the list at the time of the first page
	PagingOffset = "offset" // each page shows the current list, from an offset: rows can be missed between pages
)

// axis is an axis in the text form of a Dialect.
type axis struct {
	key    string
	values []string // the first one is the name of the zero value
	field  func(*Dialect) *string
}

var axes = []axis{
	{"envelope", []string{"wrapped", "bare"}, func(d *Dialect) *string { return &d.Envelope }},
	{"invitations-key", []string{"invitations", "invites"}, func(d *Dialect) *string { return &d.InvitationsKey }},
	{"organizations-key", []string{"organizations", "orgs"}, func(d *Dialect) *string { return &d.OrganizationsKey }},
	{"permissions", []string{"bool", "yes-no", "number", "json", "text", "null", "list"},
		func(d *Dialect) *string { return &d.Permissions }},
	{"asking", []string{"yes-no", "bool", "either"}, func(d *Dialect) *string { return &d.Asking }},
	{"dates", []string{"offset", "z", "sql", "empty", "zone", "unix", "rfc1123", "php"},
		func(d *Dialect) *string { return &d.Dates }},
	{"expiration", []string{"told", "null", "empty"}, func(d *Dialect) *string { return &d.Expiration }},
	{"status", []string{"text", "number", "absent"}, func(d *Dialect) *string { return &d.StatusField }},
	{"words", []string{"title", "lower", "upper"}, func(d *Dialect) *string { return &d.StatusWords }},
	{"content-type", []string{"json", "charset", "vendor", "missing"},
		func(d *Dialect) *string { return &d.ContentType }},
	{"lapsed", []string{"pending", "expired", "vanish"}, func(d *Dialect) *string { return &d.Lapsed }},
	{"accepted", []string{"listed", "vanish"}, func(d *Dialect) *string { return &d.Accepted }},
	{"declined", []string{"listed", "vanish"}, func(d *Dialect) *string { return &d.Declined }},
	{"resend-id", []string{"same", "new"}, func(d *Dialect) *string { return &d.ResendID }},
	{"resend-lapsed", []string{"sent", "400", "404"}, func(d *Dialect) *string { return &d.ResendLapsed }},
	{"invite-lapsed", []string{"new", "same"}, func(d *Dialect) *string { return &d.InviteLapsed }},
	{"duplicate", []string{"400", "409", "same", "second", "replace"}, func(d *Dialect) *string { return &d.Duplicate }},
	{"member", []string{"400", "422"}, func(d *Dialect) *string { return &d.Member }},
	{"suspended", []string{"both", "users", "own"}, func(d *Dialect) *string { return &d.Suspended }},
	{"suspended-endpoint", []string{"present", "missing"}, func(d *Dialect) *string { return &d.SuspendedEndpoint }},
	{"meta", []string{"full", "total", "null", "missing"}, func(d *Dialect) *string { return &d.Meta }},
	{"end-cursor", []string{"text", "null", "missing"}, func(d *Dialect) *string { return &d.EndCursor }},
	{"invited-email", []string{"as-sent", "lower"}, func(d *Dialect) *string { return &d.InvitedEmail }},
	{"patch", []string{"204", "202"}, func(d *Dialect) *string { return &d.Patch }},
	{"group-members", []string{"all", "capped"}, func(d *Dialect) *string { return &d.GroupMembers }},
	{"member-id", []string{"user", "own"}, func(d *Dialect) *string { return &d.MemberID }},
	{"relations", []string{"rows", "direct"}, func(d *Dialect) *string { return &d.Relations }},
	{"removal", []string{"full", "soft"}, func(d *Dialect) *string { return &d.Removal }},
	{"organizations", []string{"one", "several"}, func(d *Dialect) *string { return &d.Organizations }},
	{"invite-accepted", []string{"absent", "told", "invited", "single"},
		func(d *Dialect) *string { return &d.InviteAccepted }},
	{"escape", []string{"none", "html", "html-twice", "slashes"}, func(d *Dialect) *string { return &d.Escape }},
	{"paging", []string{"moment", "offset"}, func(d *Dialect) *string { return &d.Paging }},
}

// check returns an error if a field has a value that is not one of its constants.
func (d Dialect) check() error {
	for _, a := range axes {
		if v := *a.field(&d); v != "" && !slices.Contains(a.values[1:], v) {
			return fmt.Errorf("dialect: %s has no value %q", a.key, v)
		}
	}
	return nil
}

// String returns d in the form that [ParseDialect] reads: the axes that are not zero, or "documented".
func (d Dialect) String() string {
	var parts []string
	for _, a := range axes {
		if v := *a.field(&d); v != "" {
			parts = append(parts, a.key+"="+v)
		}
	}
	if len(parts) == 0 {
		return documented
	}
	return strings.Join(parts, ",")
}

// ParseDialect parses the name of one of [Dialects], or axes as key=value, or both, as in "govultr,dates=sql". If an
// axis occurs several times, the last one counts. An empty text means the documented dialect. The error names the
// valid values.
func ParseDialect(text string) (Dialect, error) {
	var d Dialect
	if strings.TrimSpace(text) == "" {
		return d, nil
	}
	for i, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		key, value, pair := strings.Cut(part, "=")
		if !pair {
			named := slices.IndexFunc(dialects, func(n NamedDialect) bool { return n.Name == part })
			if named < 0 {
				return Dialect{}, fmt.Errorf("dialect: no dialect is called %q; there are %s", part,
					joinNames(dialects, func(n NamedDialect) string { return n.Name }))
			}
			if i > 0 {
				return Dialect{}, fmt.Errorf("dialect: the name %q must come first", part)
			}
			d = dialects[named].Dialect
			continue
		}
		at := slices.IndexFunc(axes, func(a axis) bool { return a.key == key })
		if at < 0 {
			return Dialect{}, fmt.Errorf("dialect: no axis is called %q; there are %s", key,
				joinNames(axes, func(a axis) string { return a.key }))
		}
		a := axes[at]
		switch n := slices.Index(a.values, value); {
		case n < 0:
			return Dialect{}, fmt.Errorf("dialect: %s is one of %s, not %q", key, strings.Join(a.values, ", "), value)
		case n == 0:
			*a.field(&d) = ""
		default:
			*a.field(&d) = value
		}
	}
	return d, nil
}

func joinNames[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i, item := range all {
		names[i] = name(item)
	}
	return strings.Join(names, ", ")
}

// NamedDialect is a dialect with a name, for tests.
type NamedDialect struct {
	Name    string
	Dialect Dialect
}

const documented = "documented"

// Dialects returns the named dialects: combinations that the real API may have, and some that are unlikely but
// difficult. Each value that a document or a client suggests is in at least one of them. The first is the documented
// dialect. The caller may change the slice.
func Dialects() []NamedDialect { return slices.Clone(dialects) }

var dialects = []NamedDialect{
	{documented, Dialect{}},
	// What govultr v3.34.0 sends and reads.
	{"govultr", Dialect{
		Envelope: EnvelopeBare, InvitationsKey: InvitationsShort, OrganizationsKey: OrganizationsShort,
		Relations: RelationsDirect,
		Asking:    AskingBool,
	}},
	// The same, but with answers with which govultr fails or loses data.
	{"govultr-traps", Dialect{
		Envelope: EnvelopeBare, InvitationsKey: InvitationsShort, OrganizationsKey: OrganizationsShort,
		Relations:   RelationsDirect,
		Permissions: PermissionsYesNo, ContentType: ContentTypeCharset, StatusField: StatusNumber, Meta: MetaNull,
		Asking: AskingEither,
	}},
	// Exactly what the OpenAPI file says: permissions are a string, and the list has only pending invitations.
	{"openapi", Dialect{Permissions: PermissionsJSON, Accepted: AcceptedVanish, Declined: DeclinedVanish, Dates: DatesZ}},
	// The support page: an expired invitation cannot be resent, so a new one must be sent.
	{"lapsed-over", Dialect{Lapsed: LapsedMarked, ResendLapsed: ResendLapsed400, InviteLapsed: InviteLapsedSame,
		Duplicate: Duplicate409}},
	{"lapsed-gone", Dialect{Lapsed: LapsedVanish, Accepted: AcceptedVanish, ResendLapsed: ResendLapsed404,
		Meta: MetaTotal}},
	{"lapsed-lower", Dialect{Lapsed: LapsedMarked, StatusWords: WordsLower, StatusField: StatusAbsent,
		ResendID: ResendNewID}},
	{"lapsed-upper", Dialect{Lapsed: LapsedMarked, StatusWords: WordsUpper, Permissions: PermissionsNumber,
		EndCursor: EndCursorNull}},
	{"new-id", Dialect{ResendID: ResendNewID, ResendLapsed: ResendLapsed400, Duplicate: DuplicateReplace,
		Patch: Patch202}},
	{"second-mail", Dialect{Duplicate: DuplicateSecond, Member: Member422, InvitedEmail: InvitedLower}},
	{"same-object", Dialect{Duplicate: DuplicateSame, Envelope: EnvelopeBare, Permissions: PermissionsNull,
		EndCursor: EndCursorMissing}},
	{"undated", Dialect{Expiration: ExpirationNull, Dates: DatesSQL, ContentType: ContentTypeVendor}},
	{"undated-empty", Dialect{Expiration: ExpirationEmpty, Permissions: PermissionsList, Meta: MetaMissing}},
	{"no-dates", Dialect{Dates: DatesEmpty, Lapsed: LapsedMarked, ContentType: ContentTypeMissing}},
	{"suspended-apart", Dialect{Suspended: SuspendedListed, GroupMembers: GroupMembersCapped, Removal: RemovalSoft,
		Organizations: OrganizationsSeveral}},
	{"suspended-unlisted", Dialect{Suspended: SuspendedUsers, SuspendedEndpoint: SuspendedEndpointMissing,
		MemberID: MemberIDOwn}},
	{"invited-users", Dialect{InviteAccepted: InviteAcceptedSingle, Lapsed: LapsedMarked}},
	// Many difficult values together.
	{"nasty", Dialect{
		Envelope: EnvelopeBare, InvitationsKey: InvitationsShort, OrganizationsKey: OrganizationsFull,
		Permissions: PermissionsText,
		Dates:       DatesSQL, Expiration: ExpirationNull, StatusField: StatusNumber, StatusWords: WordsUpper,
		ContentType: ContentTypeMissing, Lapsed: LapsedVanish, Accepted: AcceptedVanish, Declined: DeclinedVanish,
		ResendID:     ResendNewID,
		ResendLapsed: ResendLapsed404, Duplicate: DuplicateSecond, Member: Member422, Suspended: SuspendedListed,
		Meta: MetaMissing, EndCursor: EndCursorMissing, InvitedEmail: InvitedLower, Patch: Patch202,
		GroupMembers: GroupMembersCapped, MemberID: MemberIDOwn, Relations: RelationsDirect, Removal: RemovalSoft,
		Organizations: OrganizationsSeveral, Asking: AskingBool,
	}},
	{"nasty-wrapped", Dialect{
		InvitationsKey: InvitationsShort, OrganizationsKey: OrganizationsShort, Permissions: PermissionsNumber,
		Dates: DatesZ, Expiration: ExpirationEmpty, StatusField: StatusAbsent, StatusWords: WordsLower,
		ContentType: ContentTypeCharset, Lapsed: LapsedMarked, ResendLapsed: ResendLapsed400, Duplicate: DuplicateReplace,
		Suspended: SuspendedUsers, SuspendedEndpoint: SuspendedEndpointMissing, Meta: MetaNull, EndCursor: EndCursorNull,
		Relations: RelationsDirect, Removal: RemovalSoft,
	}},
}

// suitsGovultr reports whether the answers of d have a form that govultr can read.
func (d Dialect) suitsGovultr() bool {
	return d.Envelope == EnvelopeBare && d.InvitationsKey == InvitationsShort
}

// label returns the name of d, for errors.
func (d Dialect) label() string {
	for _, n := range dialects {
		if n.Dialect == d {
			return "the dialect " + n.Name
		}
	}
	return "this dialect"
}

// wantedAPIEnabled returns the text of an error that says which form of api_enabled d requires.
func (d Dialect) wantedAPIEnabled() string {
	if d.Asking == AskingBool {
		return "permissions.api_enabled must be true or false in " + d.label() +
			`; for a client that sends "yes" or "no", use the dialect documented, or asking=either`
	}
	return `permissions.api_enabled must be "yes" or "no" in ` + d.label() +
		"; for a client that sends true or false, use the dialect govultr, or asking=either"
}
