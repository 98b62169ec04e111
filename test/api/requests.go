package api

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/rest"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// Request is a kind of request to the API server.
type Request struct {
	// Verb is GET, LIST, POST, PUT, PATCH or APPLY, a server-side apply.
	Verb string
	// Resource is the plural name of a resource with its group and subresource, such as
	// buckets.apps.cozystack.io/status.
	Resource string
}

// Requests are numbers of requests of all clients for what is involved in claims: claims, the
// provider's kinds, Secrets and events. Deletions are not among them, nor watches, nor reads of
// claims and of the provider's kinds, which tests make too: Crossplane and the provider have
// watches for these.
type Requests map[Request]float64

// CountRequests returns the requests since the API server started.
func CountRequests(ctx context.Context, p *platform.Platform) (Requests, error) {
	cfg, err := Config(p)
	if err != nil {
		return nil, err
	}

	c, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client of the API server: %w", err)
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(cfg.Host, "/")+"/metrics", nil)
	if err != nil {
		return nil, err
	}

	rsp, err := c.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot read the API server's metrics: %w", err)
	}
	defer rsp.Body.Close()

	if rsp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("cannot read the API server's metrics: %s", rsp.Status)
	}

	return parseRequests(rsp.Body)
}

// parseRequests returns the requests that metrics count.
func parseRequests(metrics io.Reader) (Requests, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)

	families, err := parser.TextToMetricFamilies(metrics)
	if err != nil {
		return nil, fmt.Errorf("cannot parse the API server's metrics: %w", err)
	}

	all := Requests{}

	for _, m := range families["apiserver_request_total"].GetMetric() {
		if r, counts := request(m); counts {
			all[r] += m.GetCounter().GetValue()
		}
	}

	return all, nil
}

// request returns the kind of request that a metric is about, and reports whether Requests has it.
func request(m *dto.Metric) (r Request, counts bool) {
	l := make(map[string]string)
	for _, p := range m.GetLabel() {
		l[p.GetName()] = p.GetValue()
	}

	r = Request{Verb: l["verb"], Resource: l["resource"]}
	if l["group"] != "" {
		r.Resource += "." + l["group"]
	}

	if l["subresource"] != "" {
		r.Resource += "/" + l["subresource"]
	}

	reads := r.Verb == "GET" || r.Verb == "LIST"

	switch {
	case r.Verb == "WATCH" || strings.HasPrefix(r.Verb, "DELETE"):
		return r, false
	case l["group"] == miniov1alpha1.Group || l["group"] == tenantv1alpha1.BucketKind.Group:
		return r, !reads
	}

	return r, r.Resource == "secrets" || r.Resource == "events" && !reads || r.Resource == "events.events.k8s.io" && !reads
}

// Since returns the requests since an earlier count, without kinds of which there was none.
func (r Requests) Since(earlier Requests) Requests {
	d := Requests{}

	for k, n := range r {
		if n > earlier[k] {
			d[k] = n - earlier[k]
		}
	}

	return d
}

// Sum returns the number of requests with one of the verbs, for one of the resources; of all
// requests if there are no resources.
func (r Requests) Sum(verbs []string, resources ...string) float64 {
	sum := 0.0

	for k := range maps.Keys(r) {
		if (len(verbs) == 0 || slices.Contains(verbs, k.Verb)) && (len(resources) == 0 || slices.Contains(resources, k.Resource)) {
			sum += r[k]
		}
	}

	return sum
}

// ClaimCost is what claims cost the API server.
type ClaimCost struct {
	// Requests are all of them, with the one that creates the claim.
	Requests float64
	// Passes are the passes of Crossplane's composite reconciler. Each applies the claim's
	// status once.
	Passes float64
	// SecretReads are the reads of single Secrets.
	SecretReads float64
	// EventWrites are the writes of events.
	EventWrites float64
	// ProviderWrites are the provider's writes of Buckets and Users. Crossplane applies them.
	ProviderWrites float64
}

// Cost returns what each of n claims costs.
func (r Requests) Cost(n int) ClaimCost {
	const claims, buckets, users = "buckets.apps.cozystack.io", "buckets." + miniov1alpha1.Group, "users." + miniov1alpha1.Group

	each := 1 / float64(n)

	return ClaimCost{
		Requests:       each * r.Sum(nil),
		Passes:         each * r.Sum([]string{"APPLY"}, claims+"/status"),
		SecretReads:    each * r.Sum([]string{"GET"}, "secrets"),
		EventWrites:    each * r.Sum([]string{"POST", "PUT", "PATCH"}, "events", "events.events.k8s.io"),
		ProviderWrites: each * r.Sum([]string{"PUT", "PATCH"}, buckets, buckets+"/status", users, users+"/status"),
	}
}
