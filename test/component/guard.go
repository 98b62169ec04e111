package component

import (
	"cmp"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// kind is a kind of thing on a server. They are removed in this order.
type kind string

const (
	kindUser   kind = "1 user"
	kindPolicy kind = "2 policy"
	kindBucket kind = "3 bucket"
)

// String returns the word for the kind.
func (k kind) String() string { return string(k[2:]) }

// thing is a thing on a server.
type thing struct {
	kind kind
	name string
}

// guard forwards calls to an external server. It refuses those that would change what was there
// before, and notes what the others create. It is safe for concurrent use.
type guard struct {
	forward *httputil.ReverseProxy

	mu sync.Mutex
	// protected is what was there before, and created what the calls have created since.
	protected, created map[thing]bool
}

func newGuard(server *url.URL, transport http.RoundTripper) *guard {
	g := &guard{protected: map[thing]bool{}, created: map[thing]bool{}}
	g.forward = &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(server)
			// The signature includes the host that the client called.
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}

	return g
}

// protect refuses changes of what a server has.
func (g *guard) protect(has Inventory) {
	g.mu.Lock()
	defer g.mu.Unlock()

	for k, names := range map[kind][]string{kindBucket: has.Buckets, kindUser: has.Users, kindPolicy: has.Policies} {
		for _, name := range names {
			g.protected[thing{k, name}] = true
		}
	}

	// The names of access keys are among those of users.
	for _, key := range has.AccessKeys {
		_, name, _ := strings.Cut(key, "/")
		g.protected[thing{kindUser, name}] = true
	}
}

// ServeHTTP forwards a call, or refuses it.
func (g *guard) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	t, creates, write := about(r.Method, r.URL)
	if write && !g.admit(t, creates) {
		deny(rw, r)

		return
	}

	g.forward.ServeHTTP(rw, r)
}

// admit reports whether a call may change a thing, and notes the thing if it creates it. A call
// whose answer is lost, because the provider is killed, counts as well.
func (g *guard) admit(t thing, creates bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()

	if creates && !g.protected[t] {
		g.created[t] = true
	}

	return !g.protected[t]
}

// things returns what was created, in the order of removal.
func (g *guard) things() []thing {
	g.mu.Lock()
	defer g.mu.Unlock()

	return slices.SortedFunc(maps.Keys(g.created), func(a, b thing) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
}

// about returns what a call of MinIO is about, and whether it creates or changes it.
func about(method string, u *url.URL) (t thing, creates, write bool) {
	c, q := minioCall(method, u), u.Query()

	switch admin := strings.HasPrefix(u.Path, "/minio/"); {
	case !admin:
		return thing{kindBucket, c.Object}, c.Operation == "PUT bucket", c.Write
	case q.Has("bucket"):
		return thing{kindBucket, q.Get("bucket")}, false, c.Write
	case q.Has("accessKey"):
		return thing{kindUser, q.Get("accessKey")}, c.Operation == "add-user", c.Write
	case q.Has("userOrGroup"):
		return thing{kindUser, q.Get("userOrGroup")}, false, c.Write
	default:
		return thing{kindPolicy, q.Get("name")}, c.Operation == "add-canned-policy", c.Write
	}
}
