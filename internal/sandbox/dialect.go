package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

// Dialect is one way in which the real API may speak where its documents contradict each other or say nothing. Each
// field is one axis; all combine. The zero value of each is what Vultr's reference or how-to pages say, or the likelier
// reading where they are silent.
type Dialect struct {
	Envelope          Envelope          // of single objects
	InvitationsKey    InvitationsKey    // of the list of invitations
	OrganizationsKey  OrganizationsKey  // of the list of organizations
	Permissions       Permissions       // of an invitation, in answers
	Asking            Asking            // how the request for an invitation has to say api_enabled
	Dates             Dates             // how a date is written
	Expiration        Expiration        // whether expiration_date is told
	StatusField       StatusField       // the field `status` of an invitation
	StatusWords       StatusWords       // the letters of `invite_status`
	ContentType       ContentType       // of every answer with a body
	Lapsed            Lapsed            // what becomes of an invitation nobody accepted in time
	Accepted          Accepted          // whether accepted invitations stay in the list
	Declined          Declined          // whether declined and cancelled ones do
	ResendID          ResendID          // whether resending keeps the id
	ResendLapsed      ResendLapsed      // whether an expired invitation can be resent
	InviteLapsed      InviteLapsed      // inviting an address whose invitation expired
	Duplicate         Duplicate         // inviting an address whose invitation is pending
	Member            Member            // inviting an address that belongs to a user
	Suspended         Suspended         // which list holds suspended users
	SuspendedEndpoint SuspendedEndpoint // whether suspended users can be listed at all
	Meta              Meta              // of lists
	EndCursor         EndCursor         // meta.links.next of a last page
	InvitedEmail      InvitedEmail      // the spelling of email_invited in answers
	Patch             Patch             // the answer to PATCH /v2/users/{id}
	GroupMembers      GroupMembers      // members inside group objects
	MemberID          MemberID          // what the id of a group member is
	Relations         Relations         // lists of what is attached to what
	Removal           Removal           // what remains of a removed group membership
	Organizations     Organizations     // how many the key sees
	InviteAccepted    InviteAccepted    // whether the list of users says who has accepted
	Escape            Escape            // how addresses and names are escaped in answers
	Paging            Paging            // what the pages of one reading show
}

// The types of the axes. Their constants say what each value does.
type (
	Envelope          string
	InvitationsKey    string
	OrganizationsKey  string
	Permissions       string
	Asking            string
	Dates             string
	Expiration        string
	StatusField       string
	StatusWords       string
	ContentType       string
	Lapsed            string
	Accepted          string
	Declined          string
	ResendID          string
	ResendLapsed      string
	InviteLapsed      string
	Duplicate         string
	Member            string
	Suspended         string
	SuspendedEndpoint string
	Meta              string
	EndCursor         string
	InvitedEmail      string
	Patch             string
	GroupMembers      string
	MemberID          string
	Relations         string
	Removal           string
	Organizations     string
	InviteAccepted    string
	Escape            string
	Paging            string
)

// The values of the axes.
const (
	EnvelopeWrapped Envelope = ""     // {"invitation": {…}} (OpenAPI file)
	EnvelopeBare    Envelope = "bare" // {…} (govultr)

	InvitationsFull  InvitationsKey = ""        // "invitations" (OpenAPI file)
	InvitationsShort InvitationsKey = "invites" // "invites" (govultr)

	OrganizationsFull  OrganizationsKey = ""     // "organizations" (OpenAPI file)
	OrganizationsShort OrganizationsKey = "orgs" // "orgs" (govultr)

	PermissionsBool   Permissions = ""       // {"api_enabled": true} (govultr)
	PermissionsYesNo  Permissions = "yes-no" // {"api_enabled": "yes"}, as in the documented request
	PermissionsNumber Permissions = "number" // {"api_enabled": 1}
	PermissionsJSON   Permissions = "json"   // "{\"api_enabled\":true}": the OpenAPI file says string
	PermissionsText   Permissions = "text"   // "api_enabled" or ""
	PermissionsNull   Permissions = "null"   // null
	PermissionsList   Permissions = "list"   // [], PHP's empty object

	AskingYesNo  Asking = ""     // "yes" or "no" (how-to-invite page); 400 to anything else
	AskingBool   Asking = "bool" // true or false (govultr); 400 to anything else
	AskingEither Asking = "either"

	DatesOffset Dates = ""      // 2026-06-01T10:00:00+00:00; unset is null
	DatesZ      Dates = "z"     // 2026-06-01T10:00:00Z; unset is null
	DatesSQL    Dates = "sql"   // 2026-06-01 10:00:00; unset is ""
	DatesEmpty  Dates = "empty" // every date is ""
	// Forms that other web APIs use, of the same moment. Unset is null, but 0 with DatesUnix.
	DatesZone Dates = "zone"    // 2026-06-01T12:00:00+0200
	DatesUnix Dates = "unix"    // 1780308000
	DatesMail Dates = "rfc1123" // Mon, 01 Jun 2026 10:00:00 GMT
	DatesPHP  Dates = "php"     // {"date": "2026-06-01 10:00:00.000000", "timezone_type": 3, "timezone": "UTC"}

	ExpirationTold  Expiration = ""
	ExpirationNull  Expiration = "null"
	ExpirationEmpty Expiration = "empty" // ""

	StatusText   StatusField = ""       // "status": "pending"
	StatusNumber StatusField = "number" // "status": 1
	StatusAbsent StatusField = "absent"

	WordsTitle StatusWords = ""      // Pending, Accepted (how-to-invite page)
	WordsLower StatusWords = "lower" // pending
	WordsUpper StatusWords = "upper" // PENDING

	ContentTypeJSON    ContentType = ""        // application/json
	ContentTypeCharset ContentType = "charset" // application/json; charset=utf-8
	ContentTypeVendor  ContentType = "vendor"  // application/vnd.api+json
	ContentTypeMissing ContentType = "missing" // no header

	LapsedPending Lapsed = ""        // still Pending: only the date tells
	LapsedMarked  Lapsed = "expired" // Expired, in the letters of StatusWords
	LapsedVanish  Lapsed = "vanish"  // gone: not listed, 404 on its id

	AcceptedListed Accepted = ""
	AcceptedVanish Accepted = "vanish" // not listed ("list all pending invitations"), but there under its id

	DeclinedListed Declined = ""
	DeclinedVanish Declined = "vanish" // as AcceptedVanish does it

	ResendSameID ResendID = ""
	ResendNewID  ResendID = "new" // a new invitation takes the place of the old one

	ResendLapsedSent ResendLapsed = ""
	ResendLapsed400  ResendLapsed = "400"
	ResendLapsed404  ResendLapsed = "404"

	InviteLapsedNew  InviteLapsed = ""
	InviteLapsedSame InviteLapsed = "same" // 201 with the expired invitation, renewed

	Duplicate400     Duplicate = ""
	Duplicate409     Duplicate = "409"
	DuplicateSame    Duplicate = "same"    // 200 with the pending invitation, no mail
	DuplicateSecond  Duplicate = "second"  // 201: a second mail and a second row
	DuplicateReplace Duplicate = "replace" // 201: a second mail, the new row takes the place of the old one

	Member400 Member = ""
	Member422 Member = "422"

	SuspendedBoth   Suspended = ""      // in /v2/users with status false, and in suspended-users
	SuspendedUsers  Suspended = "users" // only in /v2/users
	SuspendedListed Suspended = "own"   // only in suspended-users

	SuspendedEndpointPresent SuspendedEndpoint = ""
	SuspendedEndpointMissing SuspendedEndpoint = "missing" // 404

	MetaFull    Meta = ""        // total and links
	MetaTotal   Meta = "total"   // without links where there is no further page
	MetaNull    Meta = "null"    // null where the list fits one page
	MetaMissing Meta = "missing" // no meta where the list fits one page

	EndCursorEmpty   EndCursor = "" // ""
	EndCursorNull    EndCursor = "null"
	EndCursorMissing EndCursor = "missing"

	InvitedAsSent InvitedEmail = ""
	InvitedLower  InvitedEmail = "lower"

	Patch204 Patch = ""    // OpenAPI file
	Patch202 Patch = "202" // how-to page; with the user as body

	GroupMembersAll    GroupMembers = ""
	GroupMembersCapped GroupMembers = "capped" // the first five; /v2/groups/{id}/members has all

	MemberIDUser MemberID = ""    // the user's id (govultr)
	MemberIDOwn  MemberID = "own" // the membership's own id ("Group Member ID")

	RelationsRows   Relations = ""       // lists of relationships (OpenAPI file)
	RelationsDirect Relations = "direct" // {all, direct, inherited} and assignments (govultr)

	RemovalFull Removal = ""
	RemovalSoft Removal = "soft" // stays among the members with active false, and can be restored

	OrganizationsOne     Organizations = ""
	OrganizationsSeveral Organizations = "several" // another one is listed first

	InviteAcceptedAbsent  InviteAccepted = ""        // the list of users has no invite_accepted (OpenAPI file)
	InviteAcceptedTold    InviteAccepted = "told"    // it has, true for everybody
	InviteAcceptedInvited InviteAccepted = "invited" // whoever was invited is a user at once, with invite_accepted false

	EscapeNone  Escape = ""
	EscapeHTML  Escape = "html"       // o&#039;brien@example.com, as PHP's htmlspecialchars writes it
	EscapeTwice Escape = "html-twice" // o&amp;#039;brien@example.com
	EscapeSlash Escape = "slashes"    // o\'brien@example.com, as PHP's addslashes writes it

	PagingMoment Paging = ""       // all of one reading show the moment of the first page
	PagingOffset Paging = "offset" // each shows the list as it is by then, from the same place on: rows can slip through
)

// axis is one field of Dialect for text: the first value is the name of the zero value.
type axis struct {
	key    string
	values []string
	field  func(*Dialect) *string
}

var axes = []axis{
	{"envelope", []string{"wrapped", "bare"}, func(d *Dialect) *string { return (*string)(&d.Envelope) }},
	{"invitations-key", []string{"invitations", "invites"}, func(d *Dialect) *string { return (*string)(&d.InvitationsKey) }},
	{"organizations-key", []string{"organizations", "orgs"}, func(d *Dialect) *string { return (*string)(&d.OrganizationsKey) }},
	{"permissions", []string{"bool", "yes-no", "number", "json", "text", "null", "list"}, func(d *Dialect) *string { return (*string)(&d.Permissions) }},
	{"asking", []string{"yes-no", "bool", "either"}, func(d *Dialect) *string { return (*string)(&d.Asking) }},
	{"dates", []string{"offset", "z", "sql", "empty", "zone", "unix", "rfc1123", "php"}, func(d *Dialect) *string { return (*string)(&d.Dates) }},
	{"expiration", []string{"told", "null", "empty"}, func(d *Dialect) *string { return (*string)(&d.Expiration) }},
	{"status", []string{"text", "number", "absent"}, func(d *Dialect) *string { return (*string)(&d.StatusField) }},
	{"words", []string{"title", "lower", "upper"}, func(d *Dialect) *string { return (*string)(&d.StatusWords) }},
	{"content-type", []string{"json", "charset", "vendor", "missing"}, func(d *Dialect) *string { return (*string)(&d.ContentType) }},
	{"lapsed", []string{"pending", "expired", "vanish"}, func(d *Dialect) *string { return (*string)(&d.Lapsed) }},
	{"accepted", []string{"listed", "vanish"}, func(d *Dialect) *string { return (*string)(&d.Accepted) }},
	{"declined", []string{"listed", "vanish"}, func(d *Dialect) *string { return (*string)(&d.Declined) }},
	{"resend-id", []string{"same", "new"}, func(d *Dialect) *string { return (*string)(&d.ResendID) }},
	{"resend-lapsed", []string{"sent", "400", "404"}, func(d *Dialect) *string { return (*string)(&d.ResendLapsed) }},
	{"invite-lapsed", []string{"new", "same"}, func(d *Dialect) *string { return (*string)(&d.InviteLapsed) }},
	{"duplicate", []string{"400", "409", "same", "second", "replace"}, func(d *Dialect) *string { return (*string)(&d.Duplicate) }},
	{"member", []string{"400", "422"}, func(d *Dialect) *string { return (*string)(&d.Member) }},
	{"suspended", []string{"both", "users", "own"}, func(d *Dialect) *string { return (*string)(&d.Suspended) }},
	{"suspended-endpoint", []string{"present", "missing"}, func(d *Dialect) *string { return (*string)(&d.SuspendedEndpoint) }},
	{"meta", []string{"full", "total", "null", "missing"}, func(d *Dialect) *string { return (*string)(&d.Meta) }},
	{"end-cursor", []string{"text", "null", "missing"}, func(d *Dialect) *string { return (*string)(&d.EndCursor) }},
	{"invited-email", []string{"as-sent", "lower"}, func(d *Dialect) *string { return (*string)(&d.InvitedEmail) }},
	{"patch", []string{"204", "202"}, func(d *Dialect) *string { return (*string)(&d.Patch) }},
	{"group-members", []string{"all", "capped"}, func(d *Dialect) *string { return (*string)(&d.GroupMembers) }},
	{"member-id", []string{"user", "own"}, func(d *Dialect) *string { return (*string)(&d.MemberID) }},
	{"relations", []string{"rows", "direct"}, func(d *Dialect) *string { return (*string)(&d.Relations) }},
	{"removal", []string{"full", "soft"}, func(d *Dialect) *string { return (*string)(&d.Removal) }},
	{"organizations", []string{"one", "several"}, func(d *Dialect) *string { return (*string)(&d.Organizations) }},
	{"invite-accepted", []string{"absent", "told", "invited"}, func(d *Dialect) *string { return (*string)(&d.InviteAccepted) }},
	{"escape", []string{"none", "html", "html-twice", "slashes"}, func(d *Dialect) *string { return (*string)(&d.Escape) }},
	{"paging", []string{"moment", "offset"}, func(d *Dialect) *string { return (*string)(&d.Paging) }},
}

// check says which field holds a value that is none of its constants.
func (d Dialect) check() error {
	for _, a := range axes {
		if v := *a.field(&d); v != "" && !slices.Contains(a.values[1:], v) {
			return fmt.Errorf("dialect: %s has no value %q", a.key, v)
		}
	}
	return nil
}

// String is the text that [ParseDialect] reads back: what differs from the documents, or "documented".
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

// ParseDialect reads a name of [Dialects], or axes as key=value, or both: "govultr,dates=sql". Later parts win. Empty
// text is the documented dialect. The error names what would have been right.
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
				return Dialect{}, fmt.Errorf("dialect: no dialect is called %q; there are %s", part, strings.Join(dialectNames(), ", "))
			}
			if i > 0 {
				return Dialect{}, fmt.Errorf("dialect: the name %q must come first", part)
			}
			d = dialects[named].Dialect
			continue
		}
		at := slices.IndexFunc(axes, func(a axis) bool { return a.key == key })
		if at < 0 {
			return Dialect{}, fmt.Errorf("dialect: no axis is called %q; there are %s", key, strings.Join(axisKeys(), ", "))
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

func dialectNames() []string {
	names := make([]string, len(dialects))
	for i, n := range dialects {
		names[i] = n.Name
	}
	return names
}

func axisKeys() []string {
	keys := make([]string, len(axes))
	for i, a := range axes {
		keys[i] = a.key
	}
	return keys
}

// NamedDialect is a full combination worth testing against.
type NamedDialect struct {
	Name    string
	Dialect Dialect
}

const documented = "documented"

// Dialects are combinations that the real API may turn out to speak, and some that are merely nasty; each value of each
// axis that a source suggests occurs in at least one of them. The first is the documented one. The slice is the caller's.
func Dialects() []NamedDialect { return slices.Clone(dialects) }

var dialects = []NamedDialect{
	{documented, Dialect{}},
	// What govultr v3.34.0 is written to send and read.
	{"govultr", Dialect{
		Envelope: EnvelopeBare, InvitationsKey: InvitationsShort, OrganizationsKey: OrganizationsShort, Relations: RelationsDirect,
		Asking: AskingBool,
	}},
	// The same with the parts that make govultr fail or lose data.
	{"govultr-traps", Dialect{
		Envelope: EnvelopeBare, InvitationsKey: InvitationsShort, OrganizationsKey: OrganizationsShort, Relations: RelationsDirect,
		Permissions: PermissionsYesNo, ContentType: ContentTypeCharset, StatusField: StatusNumber, Meta: MetaNull, Asking: AskingEither,
	}},
	// The OpenAPI file to the letter: permissions are a string, the list holds pending invitations only.
	{"openapi", Dialect{Permissions: PermissionsJSON, Accepted: AcceptedVanish, Declined: DeclinedVanish, Dates: DatesZ}},
	// The support page: an expired invitation is over, a new one has to be sent.
	{"lapsed-over", Dialect{Lapsed: LapsedMarked, ResendLapsed: ResendLapsed400, InviteLapsed: InviteLapsedSame, Duplicate: Duplicate409}},
	{"lapsed-gone", Dialect{Lapsed: LapsedVanish, Accepted: AcceptedVanish, ResendLapsed: ResendLapsed404, Meta: MetaTotal}},
	{"lapsed-lower", Dialect{Lapsed: LapsedMarked, StatusWords: WordsLower, StatusField: StatusAbsent, ResendID: ResendNewID}},
	{"lapsed-upper", Dialect{Lapsed: LapsedMarked, StatusWords: WordsUpper, Permissions: PermissionsNumber, EndCursor: EndCursorNull}},
	{"new-id", Dialect{ResendID: ResendNewID, ResendLapsed: ResendLapsed400, Duplicate: DuplicateReplace, Patch: Patch202}},
	{"second-mail", Dialect{Duplicate: DuplicateSecond, Member: Member422, InvitedEmail: InvitedLower}},
	{"same-object", Dialect{Duplicate: DuplicateSame, Envelope: EnvelopeBare, Permissions: PermissionsNull, EndCursor: EndCursorMissing}},
	{"undated", Dialect{Expiration: ExpirationNull, Dates: DatesSQL, ContentType: ContentTypeVendor}},
	{"undated-empty", Dialect{Expiration: ExpirationEmpty, Permissions: PermissionsList, Meta: MetaMissing}},
	{"no-dates", Dialect{Dates: DatesEmpty, Lapsed: LapsedMarked, ContentType: ContentTypeMissing}},
	{"suspended-apart", Dialect{Suspended: SuspendedListed, GroupMembers: GroupMembersCapped, Removal: RemovalSoft, Organizations: OrganizationsSeveral}},
	{"suspended-unlisted", Dialect{Suspended: SuspendedUsers, SuspendedEndpoint: SuspendedEndpointMissing, MemberID: MemberIDOwn}},
	// Everything at once.
	{"nasty", Dialect{
		Envelope: EnvelopeBare, InvitationsKey: InvitationsShort, OrganizationsKey: OrganizationsFull, Permissions: PermissionsText,
		Dates: DatesSQL, Expiration: ExpirationNull, StatusField: StatusNumber, StatusWords: WordsUpper,
		ContentType: ContentTypeMissing, Lapsed: LapsedVanish, Accepted: AcceptedVanish, Declined: DeclinedVanish, ResendID: ResendNewID,
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

// suitsGovultr reports whether d answers in the form that govultr reads.
func (d Dialect) suitsGovultr() bool {
	return d.Envelope == EnvelopeBare && d.InvitationsKey == InvitationsShort
}

// label is the name of d, with which an error tells which dialect is spoken.
func (d Dialect) label() string {
	for _, n := range dialects {
		if n.Dialect == d {
			return "the dialect " + n.Name
		}
	}
	return "this dialect"
}

// wantedAPIEnabled says how d wants api_enabled in the request for an invitation.
func (d Dialect) wantedAPIEnabled() string {
	if d.Asking == AskingBool {
		return "permissions.api_enabled must be true or false in " + d.label() +
			`; for a client that sends "yes" or "no", use the dialect documented, or asking=either`
	}
	return `permissions.api_enabled must be "yes" or "no" in ` + d.label() +
		"; for a client that sends true or false, use the dialect govultr, or asking=either"
}
