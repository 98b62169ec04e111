//go:build e2e

package component

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fault is how a call goes wrong.
type fault struct {
	name string
	// between returns what answers a call, given what forwards it to its server.
	between func(c Call, server http.Handler) http.Handler
}

// patience is how long the proxy before the API server holds a call that it does not
// answer. MinIO's clients give up themselves, after callTimeout.
const (
	patience    = 3 * time.Second
	callTimeout = 8 * time.Second
)

// faults are all faults of the matrix. What has a proxy in its name is answered by what
// stands between the provider and the server, and has no mark of the server.
var faults = []fault{
	{"timeout", func(c Call, _ http.Handler) http.Handler { return hang(c) }},
	{"late", late},
	{"reset", func(Call, http.Handler) http.Handler { return http.HandlerFunc(reset) }},
	{"truncated", truncated},
	{"foreign", func(Call, http.Handler) http.Handler {
		return page(http.StatusOK, "<html><body>Please sign in</body></html>")
	}},
	rejected("400", http.StatusBadRequest, "BadRequest", metav1.StatusReasonBadRequest),
	{"401-proxy", func(Call, http.Handler) http.Handler { return page(http.StatusUnauthorized, "<html>401</html>") }},
	rejected("401", http.StatusUnauthorized, "Unauthorized", metav1.StatusReasonUnauthorized),
	{"403-proxy", func(Call, http.Handler) http.Handler { return page(http.StatusForbidden, "<html>403</html>") }},
	rejected("403", http.StatusForbidden, "AccessDenied", metav1.StatusReasonForbidden),
	rejected("403-key", http.StatusForbidden, "InvalidAccessKeyId", metav1.StatusReasonForbidden),
	{"404-proxy", func(Call, http.Handler) http.Handler { return page(http.StatusNotFound, "404 page not found\n") }},
	{"404", func(c Call, server http.Handler) http.Handler {
		return rejected("", http.StatusNotFound, missing(c), metav1.StatusReasonNotFound).between(c, server)
	}},
	rejected("409", http.StatusConflict, "OperationAborted", metav1.StatusReasonConflict),
	rejected("422", http.StatusUnprocessableEntity, "XMinioAdminInvalidArgument", metav1.StatusReasonInvalid),
	rejected("429", http.StatusTooManyRequests, "TooManyRequests", metav1.StatusReasonTooManyRequests),
	rejected("500", http.StatusInternalServerError, "InternalError", metav1.StatusReasonInternalError),
	rejected("503", http.StatusServiceUnavailable, "XMinioServerNotInitialized", metav1.StatusReasonServiceUnavailable),
}

// missing returns the code with which MinIO says that what a call is about does not exist.
func missing(c Call) string {
	switch {
	case strings.HasPrefix(c.Name, "s3:"), c.Name == "admin:export-bucket-metadata", c.Name == "admin:set-bucket-quota":
		return "NoSuchBucket"
	case strings.Contains(c.Name, "canned-policy"):
		return "XMinioAdminNoSuchPolicy"
	case c.Name == "admin:delete-service-account":
		return "XMinioInvalidIAMCredentials"
	default:
		return "XMinioAdminNoSuchUser"
	}
}

// rejected returns the fault that a server itself answers with a status: MinIO with a
// code, the API server with a reason.
func rejected(name string, status int, code string, reason metav1.StatusReason) fault {
	return fault{name, func(c Call, _ http.Handler) http.Handler {
		header := http.Header{"Content-Type": {"application/json"}}
		if status == http.StatusTooManyRequests {
			header.Set("Retry-After", "1")
		}

		switch {
		case c.Server == Kubernetes:
			body, _ := json.Marshal(metav1.Status{
				TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
				Status:   metav1.StatusFailure, Reason: reason, Message: "a fault of the test",
				Code: int32(status),
			})

			return text(status, header, string(body))
		case strings.HasPrefix(c.Name, "admin:"):
			header.Set("X-Amz-Request-Id", "17F")

			return text(status, header, fmt.Sprintf(`{"Code":%q,"Message":"a fault of the test","RequestId":"17F"}`, code))
		default:
			header.Set("X-Amz-Request-Id", "17F")
			header.Set("Content-Type", "application/xml")

			return text(status, header,
				"<Error><Code>"+code+"</Code><Message>a fault of the test</Message><RequestId>17F</RequestId></Error>")
		}
	}}
}

// page answers with a page for people.
func page(status int, body string) http.Handler {
	return text(status, http.Header{"Content-Type": {"text/html; charset=utf-8"}, "Server": {"gateway"}}, body)
}

// hang answers nothing until the client gives up.
func hang(c Call) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		expire := time.After(10 * callTimeout)
		if c.Server == Kubernetes {
			expire = time.After(patience)
		}

		select {
		case <-r.Context().Done():
		case <-expire:
		}

		panic(http.ErrAbortHandler)
	})
}

// late has the server carry out a call whose answer comes when nobody waits for it.
func late(c Call, server http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		server.ServeHTTP(httptest.NewRecorder(), r.Clone(context.WithoutCancel(r.Context())))
		hang(c).ServeHTTP(rw, r)
	})
}

// truncated has the server carry out a call, and breaks the connection in its answer.
func truncated(_ Call, server http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, r)

		body := answer.Body.Bytes()

		maps.Copy(rw.Header(), answer.Header())
		rw.Header().Set("Content-Length", fmt.Sprint(len(body)+1))
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(body[:len(body)/2])
		_ = http.NewResponseController(rw).Flush()

		panic(http.ErrAbortHandler)
	})
}

// reset resets the connection.
func reset(rw http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}

	raw := conn
	if secure, ok := conn.(*tls.Conn); ok {
		raw = secure.NetConn()
	}

	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}

	_ = raw.Close()
}
