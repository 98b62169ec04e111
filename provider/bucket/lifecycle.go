package bucket

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7/pkg/lifecycle"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

type lifecycleS3 interface {
	SetBucketLifecycle(ctx context.Context, bucket string, c *lifecycle.Configuration) error
}

// lifecycleRules mean a sorted list of rules. Rules that only abort incomplete uploads
// are not written to the server; see staleUploads.
var lifecycleRules = setting{
	field: "lifecycle",
	file:  fileLifecycle,
	want: func(p *miniov1alpha1.BucketParameters) (string, bool) {
		return rulesMean(newRules(p.Lifecycle)), p.Lifecycle != nil
	},
	have: func(file []byte) (string, error) {
		if len(file) == 0 {
			return none, nil
		}

		var c lifecycle.Configuration

		err := xml.Unmarshal(file, &c)

		return rulesMean(c.Rules), err
	},
	write: func(ctx context.Context, c clients, bucket string, p *miniov1alpha1.BucketParameters) error {
		return c.s3.SetBucketLifecycle(ctx, bucket, &lifecycle.Configuration{Rules: newRules(p.Lifecycle)})
	},
	undo: func(ctx context.Context, c clients, bucket string) error {
		// A configuration without rules removes it.
		return c.s3.SetBucketLifecycle(ctx, bucket, lifecycle.NewConfiguration())
	},
}

// newRules returns the rules to write to the server: one for each distinct meaning.
func newRules(wanted []miniov1alpha1.LifecycleRule) []lifecycle.Rule {
	var rules []lifecycle.Rule

	seen := map[string]bool{}

	for _, w := range wanted {
		r := lifecycle.Rule{Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: w.Prefix}}
		if w.ExpireAfterDays != nil {
			r.Expiration.Days = lifecycle.ExpirationDays(*w.ExpireAfterDays)
		}

		if w.ExpireNoncurrentAfterDays != nil {
			r.NoncurrentVersionExpiration.NoncurrentDays = lifecycle.ExpirationDays(*w.ExpireNoncurrentAfterDays)
		}

		means := ruleMeans(r)
		if seen[means] || (w.ExpireAfterDays == nil && w.ExpireNoncurrentAfterDays == nil) {
			continue
		}

		seen[means] = true
		r.ID = "cistern-" + strconv.Itoa(len(rules))
		rules = append(rules, r)
	}

	return rules
}

// rulesMean returns the meaning of rules. Their order, names and repetitions have none.
func rulesMean(rules []lifecycle.Rule) string {
	lines := make([]string, 0, len(rules))
	for _, r := range rules {
		lines = append(lines, ruleMeans(r))
	}

	slices.Sort(lines)

	return strings.Join(slices.Compact(lines), "\n")
}

func ruleMeans(r lifecycle.Rule) string {
	prefix := r.RuleFilter.Prefix
	if prefix == "" {
		// The form that rules had before S3 introduced filters.
		prefix = r.Prefix
	}

	if isForeign(r) {
		return fmt.Sprintf("%q %s", prefix, foreign)
	}

	return fmt.Sprintf("%q expire %d noncurrent %d", prefix, r.Expiration.Days, r.NoncurrentVersionExpiration.NoncurrentDays)
}

// isForeign reports whether a rule does anything that newRules never writes.
func isForeign(r lifecycle.Rule) bool {
	known := lifecycle.Rule{
		XMLName: r.XMLName, ID: r.ID, Prefix: r.Prefix, Status: "Enabled",
		RuleFilter: lifecycle.Filter{XMLName: r.RuleFilter.XMLName, Prefix: r.RuleFilter.Prefix},
	}
	known.Expiration.XMLName, known.Expiration.Days = r.Expiration.XMLName, r.Expiration.Days
	known.NoncurrentVersionExpiration.XMLName = r.NoncurrentVersionExpiration.XMLName
	known.NoncurrentVersionExpiration.NoncurrentDays = r.NoncurrentVersionExpiration.NoncurrentDays

	a, errA := xml.Marshal(known)
	b, errB := xml.Marshal(r)

	return errA != nil || errB != nil || string(a) != string(b)
}
