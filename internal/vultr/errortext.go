package vultr

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Names and values that mean an error, also in an answer 2xx: some APIs answer 2xx to everything,
// and say only in the body whether the request failed. SPEC has the text `error` in answers 4xx.
// govultr looks for `error` and the number `status` in every answer. The other names are common in
// web APIs. The names are in the form that memberName returns.
var (
	errorMembers = wordSet(`error errors err errs errormessage errormessages errormsg errordescription errordetail
		errordetails errorcode errortype exception exceptions fault faults failure failures failed iserror
		haserror haserrors`)
	successMembers = wordSet(`success successful succeeded issuccess ok`)
	statusMembers  = wordSet(`status code statuscode httpstatus httpcode httpstatuscode result outcome`)
	// remarkMembers are about a request, even inside an object of the organization.
	remarkMembers = wordSet(`result outcome reason msg warning warnings`)
	// envelopes are members that may hold an object with the status of the request.
	envelopes = wordSet(`meta status result response data invitation`)
	// failureWords are statuses of a failed request. Some of them, such as declined, may also be the
	// status of an invitation.
	failureWords = wordSet(`denied forbidden unauthorized unauthorised invalid refused rejected declined unsuccessful
		exception fatal timeout false no nok ko`)
	successWords = wordSet(`ok okay success successful succeeded created accepted updated deleted removed done
		no_content true yes`)
	// descriptions are members that explain an error in words, the clearest first. They are written
	// as in an answer.
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

// errorText returns the text of an error in an answer; "" if there is none. It ignores the state of
// an object in the answer, such as the status of an invitation or a user.
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
			return f.describe(name) // clearer than the text for a status
		case text != "":
		case successMembers[member] && f.is(name, false), statusMembers[member] && f.isFailureStatus(name, object):
			text = f.describe(name)
		}
	}
	return text
}

var withoutSeparators = strings.NewReplacer("_", "", "-", "")

// memberName returns name in lower case without hyphens and underscores. errorMessage, error_message
// and Error-Message are the same member.
func memberName(name string) string {
	return strings.ToLower(withoutSeparators.Replace(name))
}

// isObject reports whether f is an object of the organization, such as a user, and not a message
// about a request.
func (f fields) isObject() bool {
	if f.text("message") != "" || f.text("detail") != "" {
		return false
	}
	own := []string{"id", "user_id", "role_id", "policy_id", "group_id", "email", "email_invited", "display_name"}
	return slices.ContainsFunc(own, func(name string) bool { return f.text(name) != "" })
}

// isFailureStatus reports whether the status or code under name means that a request failed. object
// is the result of f.isObject: if it is true, the status may be the state of f itself.
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
	switch kindOf(raw) {
	case "absent", "null":
		return true
	case "list":
		return !slices.ContainsFunc(decodeElements(raw), func(e json.RawMessage) bool { return !isEmptyValue(e) })
	case "object":
		for _, member := range decodeObject(raw) {
			if !isEmptyValue(member) {
				return false
			}
		}
		return true
	}
	text := strings.ToLower(decodeText(raw))
	number, err := strconv.ParseFloat(text, 64)
	return text == "" || text == "false" || text == "null" || text == "none" || err == nil && number == 0
}

// describe returns the text for an error in the member under name: its own text, the text of a
// member beside it, or else its name and value.
func (f fields) describe(name string) string {
	raw := f[name]
	if kind := kindOf(raw); kind == "text" && errorMembers[memberName(name)] || kind == "object" || kind == "list" {
		return textIn(raw)
	}
	for _, beside := range descriptions {
		if kindOf(f[beside]) == "text" && f.text(beside) != "" {
			return f.text(beside)
		}
	}
	return name + ": " + f.text(name)
}

// textIn returns the text in a value. The text of an object is the text of the member that comes first in
// descriptions, and the text of a list is the text of its first element. Both skip empty values. If there is no text,
// textIn returns the JSON of the value.
func textIn(raw json.RawMessage) string {
	switch kind := kindOf(raw); {
	case kind == "text":
	case len(raw) > maxErrorText:
		return string(raw[:maxErrorText])
	case kind == "list":
		for _, element := range decodeElements(raw) {
			if !isEmptyValue(element) {
				return textIn(element)
			}
		}
	case kind == "object":
		object := decodeObject(raw)
		for _, name := range descriptions {
			if !isEmptyValue(object[name]) {
				return textIn(object[name])
			}
		}
	}
	return cmp.Or(decodeText(raw), string(raw))
}
