package vultr

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/orgsync/orgsync/internal/org"
)

// answerMembers are members of an answer with the status 200, and words that the error must have.
// The words are "" if the members do not mean an error.
var answerMembers = map[string]string{
	`"error":"try later"`:                                   "try later",
	`"Error":"try later"`:                                   "try later",
	`"ERROR":"try later"`:                                   "try later",
	`"error":true`:                                          "error: true",
	`"error":true,"message":"try later"`:                    "try later",
	`"error":1`:                                             "error: 1",
	`"error":"1"`:                                           "1",
	`"error":{"message":"try later","code":500}`:            "try later",
	`"error":{"code":500}`:                                  `{"code":500}`,
	`"error":{"code":"E1","detail":"try later"}`:            "try later",
	`"error":{"error":{"message":"try later"}}`:             "try later",
	`"error":["try later"]`:                                 "try later",
	`"error":[{"message":"try later"}]`:                     "try later",
	`"error":["","try later"]`:                              "try later",
	`"error":{"email_invited":["is not an address"]}`:       "is not an address",
	`"errors":["try later"]`:                                "try later",
	`"errors":"try later"`:                                  "try later",
	`"errors":true`:                                         "errors: true",
	`"errors":2`:                                            "errors: 2",
	`"errors":{"email_invited":["is not an address"]}`:      "is not an address",
	`"errors":[{"title":"try later","status":"503"}]`:       "try later",
	`"errors":null,"error":"try later"`:                     "try later",
	`"err":"try later"`:                                     "try later",
	`"error_message":"try later"`:                           "try later",
	`"errorMessage":"try later"`:                            "try later",
	`"error_description":"try later"`:                       "try later",
	`"error_code":17`:                                       "error_code: 17",
	`"exception":"try later"`:                               "try later",
	`"fault":{"faultstring":"try later"}`:                   "try later",
	`"success":false,"message":""`:                          "success: false",
	`"success":false,"message":"","detail":"try later"`:     "try later",
	`"success":false,"reason":7`:                            "success: false",
	`"error":"try later","message":"done"`:                  "try later",
	`"is_error":true`:                                       "is_error: true",
	`"hasErrors":true,"message":"try later"`:                "try later",
	`"failed":true`:                                         "failed: true",
	`"success":false`:                                       "success: false",
	`"success":false,"message":"try later"`:                 "try later",
	`"success":"false"`:                                     "success: false",
	`"success":"no"`:                                        "success: no",
	`"success":0`:                                           "success: 0",
	`"Success":false`:                                       "Success: false",
	`"ok":false,"description":"try later"`:                  "try later",
	`"succeeded":false`:                                     "succeeded: false",
	`"status":400`:                                          "status: 400",
	`"status":"400"`:                                        "status: 400",
	`"status":"503 Service Unavailable"`:                    "503 Service Unavailable",
	`"status":500,"message":"try later"`:                    "try later",
	`"status":"error"`:                                      "status: error",
	`"status":"ERROR","message":"try later"`:                "try later",
	`"status":"error_quota"`:                                "status: error_quota",
	`"status":"fail","data":{"email":"is not an address"}`:  "status: fail",
	`"status":"failed"`:                                     "status: failed",
	`"status":"Failure"`:                                    "status: Failure",
	`"status":false,"message":"try later"`:                  "try later",
	`"status":{"code":503,"message":"try later"}`:           "try later",
	`"status":{"error":"try later"}`:                        "try later",
	`"code":404,"message":"not here"`:                       "not here",
	`"code":"404","message":"not here"`:                     "not here",
	`"code":500`:                                            "code: 500",
	`"code":40001,"message":"try later"`:                    "try later",
	`"code":"rate_limited","message":"try later"`:           "try later",
	`"statusCode":500`:                                      "statusCode: 500",
	`"status_code":500`:                                     "status_code: 500",
	`"result":"error"`:                                      "result: error",
	`"result":{"error":"try later"}`:                        "try later",
	`"meta":{"total":0,"error":"try later"}`:                "try later",
	`"meta":{"total":0,"success":false}`:                    "success: false",
	`"response":{"success":false,"message":"try later"}`:    "try later",
	`"title":"try later","type":"about:blank","status":503`: "try later",
	`"error":"<b>KEY-5ecret-5ecret-5ecret</b>"`:             "<b>[the API key]</b>",

	``:                                     "",
	`"error":null`:                         "",
	`"error":""`:                           "",
	`"error":" "`:                          "",
	`"error":[]`:                           "",
	`"error":{}`:                           "",
	`"error":false`:                        "",
	`"error":"false"`:                      "",
	`"error":"null"`:                       "",
	`"error":"none"`:                       "",
	`"error":0`:                            "",
	`"error":"0"`:                          "",
	`"error":0.0`:                          "",
	`"error":[""]`:                         "",
	`"error":[null,{},[]]`:                 "",
	`"error":{"code":0,"message":""}`:      "",
	`"error":{"message":null}`:             "",
	`"errors":[]`:                          "",
	`"errors":{}`:                          "",
	`"errors":null`:                        "",
	`"errors":0`:                           "",
	`"error_code":0,"error_message":""`:    "",
	`"exception":null`:                     "",
	`"success":true`:                       "",
	`"success":"true"`:                     "",
	`"success":1`:                          "",
	`"success":null`:                       "",
	`"ok":true`:                            "",
	`"failed":0`:                           "",
	`"status":null`:                        "",
	`"status":""`:                          "",
	`"status":true`:                        "",
	`"status":1`:                           "",
	`"status":200`:                         "",
	`"status":"201"`:                       "",
	`"status":"204 No Content"`:            "",
	`"status":"ok","message":"done"`:       "",
	`"status":"success"`:                   "",
	`"status":{"code":200,"message":"OK"}`: "",
	`"code":0`:                             "",
	`"code":200,"message":"done"`:          "",
	`"code":"ok","message":"done"`:         "",
	`"code":"success","message":"done"`:    "",
	`"message":"an error-free day"`:        "",
	`"warnings":["soon to change"]`:        "",
	`"meta":{"total":0,"error":null}`:      "",
	`"data":{"status":"active"}`:           "",
}

// TestAnswersWithError checks that an answer with the status 200 and an error in its body is not
// a success. A list in it is not used. After a write, it is unknown whether the server acted.
func TestAnswersWithError(t *testing.T) {
	t.Parallel()
	for members, words := range answerMembers {
		t.Run(members, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				after := strings.TrimSuffix(","+members, ",")
				total := `,"meta":{"total":0}`
				if strings.Contains(members, `"meta"`) {
					total = ""
				}
				body := `{"users":[]` + total + after + `}`
				_, err := list(t.Context(), inProcess(t, status(200, body)), users)
				checkAnswer(t, "list", body, words, err)

				body = `{` + members + `}`
				for name, e := range edits() {
					_, err := inProcess(t, status(200, body)).Edit(t.Context(), e)
					checkEdit(t, name, body, words, err)
				}

				const invitation = `"id":"i1","email_invited":"ada@example.com"`
				for _, body := range []string{`{` + invitation + after + `}`, `{"invitation":{` + invitation +
					`,"status":"pending"}` + after + `}`} {
					if words == "" && strings.Contains(members, `"status":"`) && !strings.Contains(body, `"invitation"`) {
						continue // there it is a word about the invitation: TestAnswerToAnInvitation
					}
					c := inProcess(t, status(200, body))
					_, err := c.Invite(t.Context(), ada, true)
					checkAnswer(t, "invite", body, words, err)
					_, err = c.Resend(t.Context(), "i1", ada)
					checkAnswer(t, "resend", body, words, err)
				}
			})
		})
	}
}

// checkEdit is checkAnswer for an edit, which may also be unconfirmed if words is empty: TestUnconfirmedEdits.
func checkEdit(t *testing.T, op, body, words string, err error) {
	t.Helper()
	failure, failed := errors.AsType[*org.CallError](err)
	if failed && failure.Unconfirmed {
		if words != "" {
			t.Errorf("%s, answered with %s: %v is unconfirmed", op, body, err)
		}
		return
	}
	checkAnswer(t, op, body, words, err)
}

// checkAnswer checks that err is Unreadable and contains words, or is nil if words is empty.
func checkAnswer(t *testing.T, op, body, words string, err error) {
	t.Helper()
	if words == "" {
		if err != nil {
			t.Errorf("%s, answered with %s: %v", op, body, err)
		}
		return
	}
	failure, ok := errors.AsType[*org.CallError](err)
	if !ok || failure.Failure != org.Unreadable || failure.RetryWithBoolean || failure.Status != 200 ||
		!strings.Contains(failure.Message, words) {
		t.Errorf("%s, answered with %s: %v, want unreadable with %q", op, body, err, words)
	}
}

// TestObjectsWithoutError checks that the state of an object is not treated as an error of the
// request.
func TestObjectsWithoutError(t *testing.T) {
	t.Parallel()
	for body, words := range map[string]string{
		`{"id":"u1","email":"ada@example.com","status":false}`:      "",
		`{"id":"u1","email":"ada@example.com","status":true}`:       "",
		`{"id":"u1","email":"ada@example.com","status":"rejected"}`: "",
		`{"user":{"id":"u1","status":false}}`:                       "",
		`{"user_id":"u1","role_id":"r1","status":false}`:            "",
		`{"group_member":{"id":"m1","active":false}}`:               "",
		`{"status":"suspended"}`:                                    "",
		`{"status":false}`:                                          "status: false",
		`{"status":"denied"}`:                                       "status: denied",
		`{"status":"rejected"}`:                                     "status: rejected",
		`{"id":"u1","email":"ada@example.com","status":-1}`:         "",
		`{"code":"X7"}`:                                             "",
		`{"status":"skipped","message":"nothing to do"}`:            "",
		`{"code":"X7","message":"try later"}`:                       "try later",
		`{"code":"ok","message":"nothing to do"}`:                   "",
		`{"code":-1}`: "code: -1",
		`{"id":"req-1","status":false,"message":"try later"}`:               "try later",
		`{"id":"req-1","status":false,"detail":"try later"}`:                "try later",
		`{"id":"u1","email":"ada@example.com","status":"failed"}`:           "status: failed",
		`{"id":"u1","email":"ada@example.com","status":503}`:                "status: 503",
		`{"invitation":{"id":"i1","error":"the mail bounced"}}`:             "the mail bounced",
		`{"data":{"id":"u1","status":false}}`:                               "",
		`{"data":{"status":false}}`:                                         "status: false",
		`{"message":"` + strings.Repeat("no ", 1000) + `","success":false}`: "no no no",
	} {
		for name, e := range edits() {
			_, err := inProcess(t, status(200, body)).Edit(t.Context(), e)
			checkEdit(t, name, body, words, err)
		}
	}
	// In RFC 9457, only the media type shows that the body describes an error.
	c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		_, _ = io.WriteString(w, `{"type":"about:blank","title":"try later"}`)
	}))
	_, err := c.Edit(t.Context(), edits()["suspend"])
	checkAnswer(t, "suspend", "a problem", "try later", err)
}
