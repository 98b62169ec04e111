package upjet

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// TestCheckNotification expects an error unless the provider would send every rule.
func TestCheckNotification(t *testing.T) {
	rule := func(arn string, events ...any) any { return map[string]any{"queue_arn": arn, "events": events} }

	const arn, created = "arn:minio:sqs::PRIMARY:webhook", "s3:ObjectCreated:*"

	for name, tc := range map[string]struct {
		reason string
		queue  []any
		want   string
	}{
		"Valid": {
			reason: "A rule with an ARN and an event is sent.",
			queue:  []any{rule(arn, created)},
		},
		"NoRule": {
			reason: "A bucket without rules reads as one without notification, which would be created forever.",
			want:   "spec.forProvider.queue needs a rule",
		},
		"NoARN": {
			reason: "The provider would omit a rule without an ARN.",
			queue:  []any{rule(arn, created), rule("", created)},
			want:   "spec.forProvider.queue[1].queueArn",
		},
		"NoEvent": {
			reason: "A rule without an event sends nothing.",
			queue:  []any{rule(arn)},
			want:   "spec.forProvider.queue[0].events",
		},
	} {
		t.Run(name, func(t *testing.T) {
			fields := configOf(t, "BucketNotification").TerraformResource.Schema
			d := schema.TestResourceDataRaw(t, fields, map[string]any{"bucket": "inbox", "queue": tc.queue})

			err := checkNotification(d)
			if (err == nil) != (tc.want == "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s\nwant %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// TestSameTarget compares ARNs that the server returns with ARNs of the spec.
func TestSameTarget(t *testing.T) {
	for name, tc := range map[string]struct {
		reason         string
		server, wanted string
		want           bool
	}{
		"OwnRegion": {
			reason: "The server fills in its own region.",
			server: "arn:minio:sqs:eu-1:PRIMARY:webhook", wanted: "arn:minio:sqs::PRIMARY:webhook",
			want: true,
		},
		"NoRegion": {
			reason: "A server without a region fills in none.",
			server: "arn:minio:sqs::PRIMARY:webhook", wanted: "arn:minio:sqs::PRIMARY:webhook",
			want: true,
		},
		"OtherRegion": {
			reason: "A region in the spec must match.",
			server: "arn:minio:sqs:eu-1:PRIMARY:webhook", wanted: "arn:minio:sqs:eu-2:PRIMARY:webhook",
		},
		"OtherTarget": {
			reason: "The ID of the target differs.",
			server: "arn:minio:sqs:eu-1:PRIMARY:webhook", wanted: "arn:minio:sqs::SECOND:webhook",
		},
		"NotOnServer": {
			reason: "The server has no rule yet.",
			wanted: "arn:minio:sqs::PRIMARY:webhook",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sameTarget("", tc.server, tc.wanted, nil); got != tc.want {
				t.Errorf("%s\nwant %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}
