package vultr

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// An API that answers 2xx to everything says in the body whether it did what was asked for. SPEC
// has `error`, a text, in answers 4xx, and govultr looks for it in every answer, with a number
// `status` beside it; the other names are those that web APIs use.
var (
	errorMembers = wordSet(`error errors err errs errormessage errormessages errormsg errordescription errordetail
		errordetails errorcode errortype exception exceptions fault faults failure failures failed iserror
		haserror haserrors`)
	successMembers = wordSet(`success successful succeeded issuccess ok`)
	statusMembers  = wordSet(`status code statuscode httpstatus httpcode httpstatuscode result outcome`)
	// envelopes hold what is about the request, or else what was asked for.
	envelopes = wordSet(`meta status result response data invitation`)
	// failureWords are what a status says of a request; an invitation may have some of them as its own.
	failureWords = wordSet(`denied forbidden unauthorized unauthorised invalid refused rejected declined unsuccessful
		exception fatal timeout false no nok ko`)
	successWords = wordSet(`ok okay success successful succeeded created accepted updated deleted removed done
		no_content true yes`)
	// descriptions are members that say in words what another one is about, the clearest first.
	descriptions = []string{
		"message", "detail", "details", "error_description", "error_message", "errorMessage", "description", "title",
		"reason", "msg", "error", "errors", "faultstring",
	}
)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// errorText returns what an answer says that went wrong, or "" when it says nothing of the kind.
// What an object in it says about itself, such as the status of an invitation or a user, is not
// meant.
func (f fields) errorText() string {
	if text := f.ownErrorText(); text != "" {
		return text
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if raw := f[name]; envelopes[memberName(name)] && kindOf(raw) == "object" {
			if text := f.object(name).ownErrorText(); text != "" {
				return text
			}
		}
	}
	return ""
}

// ownErrorText is errorText without the objects inside f.
func (f fields) ownErrorText() string {
	object := f.isObject()
	var text string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		raw, member := f[name], memberName(name)
		switch {
		case errorMembers[member] && !isEmptyValue(raw):
			return f.describe(name) // the clearest there is
		case text != "":
		case successMembers[member] && isNo(f.text(name)), statusMembers[member] && f.isFailureStatus(name, object):
			text = f.describe(name)
		}
	}
	return text
}

// memberName is name as it is compared: errorMessage, error_message and Error-Message are one.
func memberName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// isObject reports whether f is something that the API has, as opposed to a message about a request.
func (f fields) isObject() bool {
	if f.text("message") != "" || f.text("detail") != "" {
		return false
	}
	own := []string{"id", "user_id", "role_id", "policy_id", "group_id", "email", "email_invited", "display_name"}
	return slices.ContainsFunc(own, func(name string) bool { return f.text(name) != "" })
}

// isFailureStatus reports whether the status or code under name says that a request failed. object is
// true where it may be the state of something that the API has.
func (f fields) isFailureStatus(name string, object bool) bool {
	text := strings.ToLower(f.text(name))
	first, _, _ := strings.Cut(text, " ") // as in "503 Service Unavailable"
	if number, err := strconv.ParseFloat(first, 64); err == nil {
		return number >= 400 || number < 0 && !object
	}
	switch {
	case text == "":
		return false
	case strings.HasPrefix(text, "error"), strings.HasPrefix(text, "fail"):
		return true
	case object:
		return false
	}
	return failureWords[text] || memberName(name) == "code" && f.text("message") != "" && !successWords[text]
}

// isNo reports whether text says no to "did it succeed?".
func isNo(text string) bool {
	switch strings.ToLower(text) {
	case "false", "no", "0":
		return true
	}
	return false
}

// maxEmptyValue is the longest value, in bytes, that may say nothing.
const maxEmptyValue = 512

// isEmptyValue reports whether a value says nothing: null, false, zero, an empty text, and lists and
// objects of nothing else.
func isEmptyValue(raw json.RawMessage) bool {
	if len(raw) > maxEmptyValue {
		return false
	}
	value := fields{"": raw}
	switch kindOf(raw) {
	case "absent", "null":
		return true
	case "list":
		return !slices.ContainsFunc(value.elements(""), func(e json.RawMessage) bool { return !isEmptyValue(e) })
	case "object":
		for _, member := range value.object("") {
			if !isEmptyValue(member) {
				return false
			}
		}
		return true
	}
	text := strings.ToLower(value.text(""))
	number, err := strconv.ParseFloat(text, 64)
	return text == "" || text == "false" || text == "null" || text == "none" || err == nil && number == 0
}

// describe returns in words what the member under name is about: its own, or those of a member
// beside it, or else its value.
func (f fields) describe(name string) string {
	raw := f[name]
	if kind := kindOf(raw); kind == "text" && errorMembers[memberName(name)] || kind == "object" || kind == "list" {
		return textIn(raw)
	}
	for _, beside := range descriptions {
		if beside != name && kindOf(f[beside]) == "text" && f.text(beside) != "" {
			return f.text(beside)
		}
	}
	return name + ": " + f.text(name)
}

// textIn returns the words in a value: a text, the member of an object that describes it, the
// first element of a list that says something. Without any it is the value as it was sent.
func textIn(raw json.RawMessage) string {
	value := fields{"": raw}
	switch kind := kindOf(raw); {
	case kind == "text":
	case len(raw) > maxErrorText:
		return string(raw[:maxErrorText])
	case kind == "list":
		for _, element := range value.elements("") {
			if !isEmptyValue(element) {
				return textIn(element)
			}
		}
	case kind == "object":
		object := value.object("")
		for _, name := range descriptions {
			if !isEmptyValue(object[name]) {
				return textIn(object[name])
			}
		}
	}
	return cmp.Or(value.text(""), string(raw))
}
