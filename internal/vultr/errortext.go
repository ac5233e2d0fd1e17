package vultr

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// An API that answers 2xx to everything says in the body whether the request failed. SPEC
// has `error`, a text, in answers 4xx, and govultr looks for it in every answer, with a number
// `status` beside it; the other names are those that web APIs use.
var (
	errorMembers = wordSet(`error errors err errs errormessage errormessages errormsg errordescription errordetail
		errordetails errorcode errortype exception exceptions fault faults failure failures failed iserror
		haserror haserrors`)
	successMembers = wordSet(`success successful succeeded issuccess ok`)
	statusMembers  = wordSet(`status code statuscode httpstatus httpcode httpstatuscode result outcome`)
	// envelopes have either the status of the request or its result.
	envelopes = wordSet(`meta status result response data invitation`)
	// failureWords are the statuses of a failed request; some may also be the status of an
	// invitation.
	failureWords = wordSet(`denied forbidden unauthorized unauthorised invalid refused rejected declined unsuccessful
		exception fatal timeout false no nok ko`)
	successWords = wordSet(`ok okay success successful succeeded created accepted updated deleted removed done
		no_content true yes`)
	// descriptions are the members that explain another one in words, the clearest first.
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

// errorText returns the error in an answer; "" if there is none. It ignores what an object in the
// answer says about itself, such as the status of an invitation or a user.
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
			return f.describe(name) // the clearest text
		case text != "":
		case successMembers[member] && f.is(name, false), statusMembers[member] && f.isFailureStatus(name, object):
			text = f.describe(name)
		}
	}
	return text
}

// memberName returns name in a form for comparison: errorMessage, error_message and Error-Message
// are equal.
func memberName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// isObject reports whether f is an object of the API, such as a user, and not a message about a
// request.
func (f fields) isObject() bool {
	if f.text("message") != "" || f.text("detail") != "" {
		return false
	}
	own := []string{"id", "user_id", "role_id", "policy_id", "group_id", "email", "email_invited", "display_name"}
	return slices.ContainsFunc(own, func(name string) bool { return f.text(name) != "" })
}

// isFailureStatus reports whether the status or code under name means that a request failed.
// object is true if it may be the state of an object of the API.
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

// maxEmptyValue is the maximum size of a value that can be empty, in bytes.
const maxEmptyValue = 512

// isEmptyValue reports whether a value has no information: null, false, zero, an empty text, and
// lists and objects of such values.
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

// describe returns in words what the member under name says: its own text, that of a member beside
// it, or else its value.
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

// textIn returns the text in a value: a text, the member of an object that describes it, the first
// element of a list that is not empty. Without any it is the value as it was sent.
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
