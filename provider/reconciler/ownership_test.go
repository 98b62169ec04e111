package reconciler

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

func setOwner(mg resource.Managed, uid types.UID) {
	meta.AddAnnotations(mg, map[string]string{AnnotationKeyOwnerUID: string(uid)})
}

func TestOwns(t *testing.T) {
	type want struct{ owns, copied bool }

	cases := map[string]struct {
		reason string
		owner  types.UID
		change func(*miniov1alpha1.Bucket)
		want   want
	}{
		"New": {
			reason: "Nothing proves that what exists is its own.",
			change: func(*miniov1alpha1.Bucket) {},
		},
		"NewWithOwner": {
			reason: "The owner is recorded before the creation, which may have been rejected.",
			owner:  "its own",
			change: func(b *miniov1alpha1.Bucket) { meta.SetExternalCreateFailed(b, time.Now()) },
		},
		"Created": {
			reason: "It made the bucket.",
			owner:  "its own",
			change: func(b *miniov1alpha1.Bucket) { meta.SetExternalCreateSucceeded(b, time.Now()) },
			want:   want{owns: true},
		},
		"Interrupted": {
			reason: "It may have made the bucket.",
			owner:  "its own",
			change: func(b *miniov1alpha1.Bucket) { meta.SetExternalCreatePending(b, time.Now()) },
			want:   want{owns: true},
		},
		"Adopted": {
			reason: "The annotation asks for it.",
			change: func(b *miniov1alpha1.Bucket) { meta.SetExternalName(b, "photos") },
			want:   want{owns: true},
		},
		"Copied": {
			reason: "All annotations of the original were copied.",
			owner:  "another",
			change: func(b *miniov1alpha1.Bucket) {
				meta.SetExternalName(b, "photos")
				meta.SetExternalCreateSucceeded(b, time.Now())
			},
			want: want{copied: true},
		},
		"CopiedWhileCreated": {
			reason: "The original was not created yet.",
			owner:  "another",
			change: func(b *miniov1alpha1.Bucket) { meta.SetExternalCreatePending(b, time.Now()) },
			want:   want{copied: true},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)
			b.UID = "its own"
			tc.change(b)

			if tc.owner != "" {
				setOwner(b, tc.owner)
			}

			if got := (want{owns: Owns(b), copied: IsCopy(b)}); got != tc.want {
				t.Errorf("%s\nwant %+v, got %+v", tc.reason, tc.want, got)
			}
		})
	}
}

func TestCopied(t *testing.T) {
	b := providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)
	b.UID = "its own"
	setOwner(b, "another")
	meta.SetExternalName(b, "photos")

	message := Copied(b, "Bucket").Error()
	for _, want := range []string{AnnotationKeyOwnerUID, `UID another owns "photos"`, "set the annotation to its own"} {
		if !strings.Contains(message, want) {
			t.Errorf("want a message with %q, got %s", want, message)
		}
	}
}
