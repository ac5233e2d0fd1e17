package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/shellword"
)

// noticeWords are the words for a notice. Names in braces stand for texts of the notice, which
// [fillIn] fills in. There may be thousands of notices, and a report fills in few of them.
type noticeWords struct {
	// one is the sentence for a single notice.
	one string
	// many is the sentence for several notices, without their number at the beginning. It has no names
	// in braces. Notices with the same many are one entry of the report. "" means that the notice always
	// has an entry of its own.
	many string
	// item is the text of this notice in the list below the sentence of many; "" for the address.
	item string
}

// noticeStyle is the appearance of the notices of a kind.
type noticeStyle struct {
	kind  plan.NoticeKind
	level noticeLevel
	words func(plan.Notice) noticeWords
}

// noticeLevel is the urgency of notices of a kind.
type noticeLevel int

const (
	// calm means that nobody needs to act.
	calm noticeLevel = iota
	// ordinary means that somebody should look at the notice.
	ordinary
	// pressing means that the notice stays until somebody acts, or that orgsync waits with a change.
	pressing
)

// noticeStyles are the styles of all kinds. The most urgent kinds are the first.
var noticeStyles = []noticeStyle{
	{plan.Limit, pressing, always(noticeWords{one: "apply would refuse this plan: {said}"})},
	{plan.WrongOrganization, pressing, always(noticeWords{
		one: "the last mail invited {who} to another organization ({said}): " +
			"plan and apply refuse to run until you use --reinvite {word}",
		many: "mails invited people to another organization: plan and apply refuse to run until you use --reinvite EMAIL",
		item: "{who} to {said}",
	})},
	{plan.UnknownAccess, pressing, func(n plan.Notice) noticeWords {
		if n.Unknown != nil && n.Unknown.AccessID != "" {
			return noticeWords{one: "{said}: change the name in the roster{(places)}"}
		}
		return noticeWords{one: "{said}{(places)}"}
	}},
	{plan.PinUnconfirmed, pressing, always(noticeWords{
		one: "orgsync cannot confirm that this key belongs to the organization {said}",
	})},
	{plan.NewLedger, pressing, always(noticeWords{
		one: "the ledger is empty, but the organization has invitations: if orgsync ran before, restore the lost ledger",
	})},
	{plan.MembersUnseen, calm, always(noticeWords{
		one: "this key is not allowed to list users: everyone who accepted an invitation counts as a member",
	})},
	{plan.SuspendedUnseen, calm, always(noticeWords{
		one: "this key cannot list suspended users: a suspended user may look like someone who left",
	})},
	{plan.SelfUnseen, pressing, always(noticeWords{
		one: "orgsync does not know which user this key belongs to: nobody is suspended or removed, " +
			"and no access is taken away",
	})},
	{plan.ProtectedUnseen, pressing, always(noticeWords{
		one: "{who} is protected in the roster, but no user has that address: " +
			"the intended person is not protected; check the spelling",
		many: "addresses are protected in the roster, but no user has them: " +
			"the intended people are not protected; check the spelling",
	})},
	{plan.UnlistedKept, ordinary, always(noticeWords{
		one: "{who} may have joined under an address that is not in the roster: " +
			"while this is possible, orgsync suspends or removes only people that the ledger knows as members or as invited",
		many: "people may have joined under addresses that are not in the roster: " +
			"while this is possible, orgsync suspends or removes only people that the ledger knows as members or as invited",
	})},
	{plan.SameName, pressing, always(noticeWords{
		one: "{who} " + sameNameSentence("{said}", "{alias}"),
		many: "people may each have a second address, which is not in the roster: " +
			"if so, their entry in users needs this line: aliases: [ADDRESS]",
		item: "{who} as {said}",
	})},
	{plan.Unsettled, pressing, always(noticeWords{
		one: "{who} may have got an invitation mail{at}, but the API's answer was lost: " +
			"they get no other mail until orgsync knows whether this mail was sent",
		many: "people may have got an invitation mail, but the API's answer was lost: " +
			"they get no other mail until orgsync knows whether this mail was sent",
		item: "{who}{at}",
	})},
	{plan.UnknownMembership, pressing, func(n plan.Notice) noticeWords {
		why := "this key cannot see whether they are a member already"
		whyMany := "this key cannot see whether they are members already"
		switch n.Text {
		case plan.NoAddress:
			why = "the organization has a user or an invitation without a readable address, and it may belong to this person"
			whyMany = "the organization has users or invitations without a readable address, and they may belong to these people"
		case plan.HoldsAccess:
			why = "they have a group, role or policy but are not in the list of users"
			whyMany = why
		}
		return noticeWords{
			one:  "{who} is not invited, because " + why + "; to invite them: --reinvite {word}",
			many: "people are not invited, because " + whyMany + "; to invite someone: --reinvite EMAIL",
		}
	}},
	{plan.PossibleAlias, pressing, func(n plan.Notice) noticeWords {
		words := noticeWords{
			one: "{who} may have joined as {said} (their invitation is gone): " +
				"if so, their entry in users needs this line: aliases: [{alias}]",
			many: "people may have joined under another address (their invitations are gone): " +
				"if so, their entry in users needs this line: aliases: [ADDRESS]",
			item: "{who} as {said}",
		}
		if n.Expires.IsZero() {
			words.one += "; if not, invite them again with --reinvite {word}"
			words.many += "; if not, invite them again with --reinvite EMAIL"
		}
		return words
	}},
	{plan.Flapping, pressing, func(n plan.Notice) noticeWords {
		last := "last{at} with the roster {said}"
		if document.MarkMessage(n.Text) == "" {
			last = "last{at} with the roster of another run"
		}
		return noticeWords{
			one: "{who} was removed twice within a week, " + last + ", but this roster lists them: " +
				"list them in all rosters of this organization or in none, or invite them with --reinvite {word}",
			many: "people were removed twice within a week, but this roster lists them: " +
				"list them in all rosters of this organization or in none, or invite them with --reinvite EMAIL",
			item: "{who}, " + last,
		}
	}},
	{plan.RefusedMail, pressing, func(n plan.Notice) noticeWords {
		if n.Text == "" {
			return noticeWords{
				one: "orgsync mailed {who} in several runs, but no mail is confirmed: the API's answer to the last mail{at} was " +
					"lost or unclear, and the list of invitations does not show this mail; orgsync tries again once a day, " +
					"or at once with --reinvite {word}",
				many: "people were mailed in several runs, but no mail is confirmed: the API's answer to the last mail was " +
					"lost or unclear, and the list of invitations does not show this mail; orgsync tries again once a day, " +
					"or at once with --reinvite EMAIL",
				item: "{who}, last mail{at}",
			}
		}
		return noticeWords{
			one: `{who} cannot be invited: the API says "{said}"; orgsync tries again once a day, ` +
				"or at once with --reinvite {word}",
			many: "people cannot be invited; orgsync tries again once a day, or at once with --reinvite EMAIL",
			item: `{who}: the API says "{said}"`,
		}
	}},
	{plan.NeedsAttention, pressing, needsAttentionWords},
	{plan.GaveUp, pressing, always(noticeWords{
		one: "{who} got {mails}{since} and never answered: no more will be sent; to invite them again: --reinvite {word}",
		many: "people never answered their invitation mails: no more will be sent; " +
			"to invite someone again: --reinvite EMAIL",
		item: "{who}, {mails}{since}",
	})},
	{plan.Left, ordinary, leftWords(noticeWords{
		one:  "{who} joined and has left; --invite-left invites them again",
		many: "people joined and have left; --invite-left invites them again",
	})},
	{plan.SuspendedUser, ordinary, func(n plan.Notice) noticeWords {
		if n.Text != "" {
			return noticeWords{
				one: `{who} has the status "{said}", which orgsync does not understand: ` +
					"they count as suspended and get no access",
				many: "people have a status that orgsync does not understand: they count as suspended and get no access",
				item: `{who}: "{said}"`,
			}
		}
		return noticeWords{one: "{who} is suspended but in the roster", many: "people are suspended but in the roster"}
	}},
	{plan.EndsTooSoon, ordinary, always(noticeWords{
		one: "{who} is not invited, because an invitation is valid for three days and their last day is {said}; " +
			"to invite them: --reinvite {word}",
		many: "people are not invited, because an invitation is valid for three days and their last day is earlier; " +
			"to invite someone: --reinvite EMAIL",
		item: "{who}, last day {said}",
	})},
	{plan.DuplicateInvitation, ordinary, always(noticeWords{
		one:  "{who} has a newer invitation, but can still accept the older one too{(invitation)}",
		many: "older invitations can still be accepted, although these people have a newer one",
		item: "{who}{(invitation)}",
	})},
	{plan.Unlisted, ordinary, unlistedWords},
	{plan.OtherAddress, ordinary, always(noticeWords{
		one: "{who} joined as {said} and gets no access under that address: " +
			"if this is the same person, their entry in users needs this line: aliases: [{alias}]",
		many: "people joined under another address and get no access under it: " +
			"if it is the same person, their entry in users needs this line: aliases: [ADDRESS]",
		item: "{who} as {said}",
	})},
	{plan.SecondUser, pressing, always(noticeWords{
		one: "{who} is in the organization a second time, as {said}: orgsync does not manage the access of that user; " +
			"suspend or remove it in Vultr's console",
		many: "people are in the organization a second time: orgsync does not manage the access of these users; suspend " +
			"or remove them in Vultr's console",
		item: "{who} as {said}",
	})},
	{plan.ExtraAccess, ordinary, always(noticeWords{
		one:  "{who} has more access than the roster gives: {said}",
		many: "cases in which people have more access than the roster gives",
		item: "{who}: {said}",
	})},
	{plan.NotMailed, ordinary, func(n plan.Notice) noticeWords {
		why := notMailedText(n)
		return noticeWords{one: "{who} gets no mail: " + why, many: "people get no mail", item: "{who}: " + why}
	}},
	{plan.EndsSoon, calm, always(noticeWords{
		one:  "the last day of {who} is {said}: from the next day on they count as not in the roster",
		many: "people have their last day soon: from the next day on they count as not in the roster",
		item: "{who}, last day {said}",
	})},
	{plan.NotYet, calm, func(n plan.Notice) noticeWords {
		if n.UserID != "" {
			return noticeWords{
				one:  "{who} stays suspended until {said}, their first day",
				many: "people stay suspended until their first day",
				item: "{who}, {said}",
			}
		}
		return noticeWords{
			one:  "{who} is not invited before {said}, their first day",
			many: "people are not invited before their first day",
			item: "{who}, {said}",
		}
	}},
	{plan.Waiting, calm, func(n plan.Notice) noticeWords {
		words := noticeWords{
			one:  "{who} was invited and has not answered yet",
			many: "people were invited and have not answered yet",
		}
		if !n.Expires.IsZero() {
			words.one = "{who} was invited and has until {until} to accept"
			words.item = "{who}, can accept until {until}"
		}
		return words
	}},
}

// leftWords returns a function that returns words, or other words for people who accepted lately.
func leftWords(words noticeWords) func(plan.Notice) noticeWords {
	return func(n plan.Notice) noticeWords {
		if n.Text == plan.AcceptedLately {
			return noticeWords{
				one:  "{who} accepted the invitation, but is not in the list of users yet",
				many: "people accepted the invitation, but are not in the list of users yet",
			}
		}
		return words
	}
}

// always returns a function that returns words.
func always(words noticeWords) func(plan.Notice) noticeWords {
	return func(plan.Notice) noticeWords { return words }
}

// fillIn returns words with texts of n in place of the names in braces. A name in parentheses stands
// for a space and the text in parentheses. Remaining times count from now. Text from outside is marked
// for a document.
func fillIn(words string, n plan.Notice, now time.Time) string {
	said, until, places := document.MarkMessage(n.Text), "", ""
	if n.Unknown != nil {
		places = summarizeList(document.Map(n.Unknown.Places, roster.Position.String))
	}
	if !n.Expires.IsZero() {
		until = estimatedText(n.ExpiresEstimated) + formatDeadline(n.Expires, now)
	}
	return strings.NewReplacer(
		"{who}", cmp.Or(document.MarkName(n.Email.String()), "someone whose address cannot be read"),
		"{said}", said,
		"{word}", quoteAddress(n.Email),
		"{alias}", aliasItem(n.Text),
		"{(said)}", document.Parenthesize(said),
		"{(invitation)}", document.Parenthesize(document.MarkName(n.InvitationID)),
		"{(places)}", document.Parenthesize(places),
		"{mails}", document.Pluralize(n.Mails, "invitation mail", "invitation mails"),
		"{at}", atText(n.Since),
		"{since}", sinceText(n.Since),
		"{until}", until,
		"{removal}", document.FormatTime(n.RemovalAfter),
	).Replace(words)
}

func needsAttentionWords(n plan.Notice) noticeWords {
	switch {
	case n.Text == plan.KeyUserNotListed:
		return noticeWords{
			one: "{who} is the user of the API key, but is not in the list of users: orgsync cannot give them the access " +
				"in the roster; give it in Vultr's console, or remove this access from the roster",
			many: "people are users of the API key, but are not in the list of users: orgsync cannot give them access",
		}
	case n.UserID != "" && n.Text != "":
		return noticeWords{
			one: "the list of users shows {who} with an unaccepted invitation, but the list of invitations does not show " +
				"this invitation: orgsync changes nothing; check it in Vultr's console",
			many: "people are users with an unaccepted invitation, but the list of invitations does not show this " +
				"invitation: orgsync changes nothing; check them in Vultr's console",
		}
	case n.UserID != "":
		return noticeWords{
			one:  "{who} is the address of a service user, who needs no invitation: remove it from the roster",
			many: "addresses are those of service users, who need no invitation: remove them from the roster",
		}
	}
	return noticeWords{
		one: `{who} has an invitation{(invitation)} with the status "{said}": ` +
			"orgsync changes nothing; check it in Vultr's console",
		many: "invitations were declined or cancelled, or have a status that orgsync does not understand: " +
			"orgsync changes nothing; check them in Vultr's console",
		item: `{who}{(invitation)}: "{said}"`,
	}
}

// sameNameText returns the end of a sentence about a new person who may be the same person as other,
// an address.
func sameNameText(other string) string { return sameNameSentence(other, quoteAlias(other)) }

// sameNameSentence is [sameNameText] with alias, the address as an item of a list in YAML.
func sameNameSentence(other, alias string) string {
	return fmt.Sprintf("may be the same person as %s, who is not in the roster: if so, their entry in users needs "+
		"this line: aliases: [%s]", other, alias)
}

// aliasItem returns the text of a notice as an item of the list "aliases", marked for a document. If the text has
// several addresses, only one of them can be right, so the item is a placeholder. It is also a placeholder if the text
// does not fit into a report, because a part of it would be the address of somebody else.
func aliasItem(text string) string {
	cleaned := printable.CleanKeepingCommands(text, document.MessageWidth)
	if cleaned != "" && (cleaned != text || strings.Contains(text, ", ")) {
		return document.MarkMessage("ADDRESS")
	}
	return document.MarkMessage(quoteAlias(cleaned))
}

// quoteAlias returns an address, which may be marked for a document, as an item of a list in YAML. It
// adds quotes only if some character of the address may have a meaning in YAML.
func quoteAlias(address string) string {
	if !strings.ContainsAny(address, "!#$%&'*/=?^`{|}~,:[]\"") {
		return address
	}
	return "'" + strings.ReplaceAll(address, "'", "''") + "'"
}

// quoteAddress returns an address as a word of a shell, marked for a document. An address that does not
// fit into a report becomes the placeholder EMAIL, because a part of it would be the address of somebody
// else.
func quoteAddress(a org.Address) string {
	word := shellword.Quote(a.String())
	if a.IsZero() || printable.Clean(word, document.AddressWidth) != word {
		return "EMAIL"
	}
	return document.MarkName(word)
}

// notMailedText returns the reason why --reinvite or --resend sends no mail, and what to do about it.
func notMailedText(n plan.Notice) string {
	switch n.Text {
	case plan.NotMailedMember:
		return "they are a member already"
	case plan.NotMailedEnded:
		return "their last day has passed"
	case plan.NotMailedPending:
		until := ""
		if !n.Expires.IsZero() {
			until = " until {until}"
		}
		return "they can still accept their invitation" + until + "; to send it again now: --resend {word}"
	case plan.NotMailedRecently:
		return "their last mail was sent{at}; the next one can be sent 15 minutes after that"
	case plan.NotMailedUnsettled:
		return "a mail may have been sent{at}, but the API's answer was lost; try again 15 minutes after that mail"
	case plan.NotMailedNotListed:
		return "their invitation is not listed, so it cannot be sent again; if they did not accept it, a new one is sent " +
			"when it has expired"
	case plan.NotMailedOtherAddress:
		return "their invitation was sent to another of their addresses; a new one is sent when it has expired"
	case plan.NotMailedJoined:
		return "they joined after their last mail, and the key cannot see whether they are still a member; if they are " +
			"not, use --reinvite {word} too"
	}
	return "{said}"
}

func unlistedWords(n plan.Notice) noticeWords {
	const in = "{who}{(said)} is in the organization but not in the roster"
	switch {
	case n.InvitationID != "":
		why, whyMany := " but is not in the roster", " but are not in the roster"
		if !n.Since.IsZero() { // the roster still has their entry
			why, whyMany = ", but their last day has passed", ", but their last day has passed"
		}
		const end = ": the API cannot cancel it; " +
			"after they accept, apply removes them only with 'unlisted: remove' in the roster"
		return noticeWords{
			one:  "{who} has an invitation{(invitation)}" + why + end,
			many: "people have an invitation" + whyMany + end,
			item: "{who}{(invitation)}",
		}
	case !n.Since.IsZero():
		return noticeWords{
			one: "{who} is still in the organization, but their last day has passed:{since} " +
				"they count as not in the roster",
			many: "people are still in the organization, but their last day has passed: they count as not in the roster",
			item: "{who},{since}",
		}
	case !n.RemovalAfter.IsZero():
		return noticeWords{
			one:  in + ": from about {removal} on, apply suspends or removes them",
			many: "people are in the organization but not in the roster: apply suspends or removes them later",
			item: "{who}{(said)}, from about {removal} on",
		}
	}
	return noticeWords{
		one: in, many: "people are in the organization but not in the roster", item: "{who}{(said)}",
	}
}

// styleOfNotice returns the style of a kind of notice, and its index in noticeStyles.
func styleOfNotice(kind plan.NoticeKind) (noticeStyle, int) {
	i := slices.IndexFunc(noticeStyles, func(s noticeStyle) bool { return s.kind == kind })
	return noticeStyles[i], i
}

// wordsOf returns the words for n.
func wordsOf(n plan.Notice) noticeWords {
	style, _ := styleOfNotice(n.Kind)
	words := style.words(n)
	words.item = cmp.Or(words.item, "{who}")
	return words
}

// appendNotices appends a block with notices to blocks, unless there are no notices. Notices with the
// same words are one group. Remaining times count from now.
func appendNotices(blocks []document.Block, notices []plan.Notice, now time.Time) []document.Block {
	if len(notices) == 0 {
		return blocks
	}
	rank := func(n *plan.Notice) int {
		_, i := styleOfNotice(n.Kind)
		return i
	}
	sorted := sortedByAddress(notices, func(n *plan.Notice) org.Address { return n.Email })
	slices.SortStableFunc(sorted, func(a, b *plan.Notice) int { return cmp.Compare(rank(a), rank(b)) })
	var groups [][]*plan.Notice
	index := map[string]int{} // the index in groups, by the words for several notices
	for _, n := range sorted {
		many := wordsOf(*n).many
		i, found := index[many]
		if !found || many == "" {
			i = len(groups)
			index[many] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], n)
	}
	return append(blocks, document.Notices(document.Map(groups, func(group []*plan.Notice) document.NoticeGroup {
		return noticeGroup(group, now)
	})))
}

// noticeGroup returns the entry of a report for notices with the same words.
func noticeGroup(notices []*plan.Notice, now time.Time) document.NoticeGroup {
	one := func(i int) string { return fillIn(wordsOf(*notices[i]).one, *notices[i], now) }
	g := document.NoticeGroup{
		Count: len(notices),
		Calm:  !needsAction(*notices[0]),
		Item:  func(i int) string { return fillIn(wordsOf(*notices[i]).item, *notices[i], now) },
		Annotation: func(i int) document.Annotation {
			return document.Annotation{At: parseSource(notices[i].Source), Text: one(i)}
		},
	}
	if g.Count == 1 {
		g.Text = one(0)
	} else {
		g.Text = fmt.Sprintf("%d %s", g.Count, wordsOf(*notices[0]).many)
	}
	return g
}

// needsAction reports whether somebody should look at n or act on it. It returns false if --only leaves
// the person out.
func needsAction(n plan.Notice) bool {
	style, _ := styleOfNotice(n.Kind)
	return style.level != calm && !n.NotSelected
}

// selectedNotices returns notices without the notices about people that --only leaves out.
func selectedNotices(notices []plan.Notice) []plan.Notice {
	return withoutNotices(notices, func(n plan.Notice) bool { return n.NotSelected })
}

// withoutNotices returns notices without the notices for which drop returns true.
func withoutNotices(notices []plan.Notice, drop func(plan.Notice) bool) []plan.Notice {
	if !slices.ContainsFunc(notices, drop) {
		return notices
	}
	return slices.DeleteFunc(slices.Clone(notices), drop)
}

// IsPressing reports whether notices of this kind stay until somebody acts, or say that orgsync waits
// with a change.
func IsPressing(kind plan.NoticeKind) bool {
	style, _ := styleOfNotice(kind)
	return style.level == pressing
}

func isWaiting(n plan.Notice) bool { return n.Kind == plan.Waiting }
