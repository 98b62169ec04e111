package minio

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

// answerCases lists the calls whose answers the provider decodes, in the order in which they are
// recorded. A call that the provider makes is here unless it reads nothing but the status of the
// answer. The names of successful ones are those of operation.
func answerCases() []answerCase {
	return slices.Concat(adminCases(), s3Cases(), errorCases())
}

func adminCases() []answerCase {
	return []answerCase{
		{
			name: "admin:info",
			call: func(ctx context.Context, s *Server) (any, error) {
				got, err := s.info(ctx)
				_, dated := releaseTime(got.Servers[0].Version)

				return []bool{got.DeploymentID != "", dated}, err
			},
			want: []bool{true, true},
		},
		{
			name: "admin:accountinfo",
			call: func(ctx context.Context, s *Server) (any, error) {
				var names []string

				got, err := s.BucketUsage(ctx)
				for _, b := range got {
					if json.Valid(b.Details) {
						names = append(names, b.Name)
					}
				}

				return names, err
			},
			want: []string{answersBucket},
		},
		{
			// Package bucket decodes the files.
			name: "admin:export-bucket-metadata",
			call: func(ctx context.Context, s *Server) (any, error) {
				archive, err := s.ExportBucketMetadata(ctx, answersBucket)
				if err != nil {
					return nil, err
				}

				all, err := ReadExport(archive, maxSnapshot, func(string) bool { return true })

				return slices.Sorted(maps.Keys(all[answersBucket])), err
			},
			want: []string{
				"bucket-encryption.xml", "bucket-targets.json", "lifecycle.xml", "notification.xml", "object-lock.xml",
				"policy.json", "quota.json", "tagging.xml", "versioning.xml",
			},
		},
		{
			name: "admin:user-info",
			call: func(ctx context.Context, s *Server) (any, error) { return s.Admin.GetUserInfo(ctx, answersUser) },
			want: madmin.UserInfo{PolicyName: answersPolicy, Status: madmin.AccountEnabled, MemberOf: []string{answersGroup}},
		},
		{
			name: "admin:info-canned-policy",
			call: func(ctx context.Context, s *Server) (any, error) {
				got, err := s.Admin.InfoCannedPolicyV2(ctx, answersPolicy)
				if err != nil {
					return nil, err
				}

				return []bool{SamePolicy([]byte(answersDocument), got.Policy), !got.UpdateDate.IsZero()}, nil
			},
			want: []bool{true, true},
		},
		{
			name: "admin:idp",
			call: func(ctx context.Context, s *Server) (any, error) {
				got, err := s.Admin.GetPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Policy: []string{answersPolicy}})

				return got.PolicyMappings, err
			},
			want: []madmin.PolicyEntities{{Policy: answersPolicy, Users: []string{answersUser}}},
		},
		{
			// The guards of the long tail read this and the next one.
			name: "admin:group",
			call: func(ctx context.Context, s *Server) (any, error) {
				got, err := s.Admin.GetGroupDescription(ctx, answersGroup)
				if err != nil {
					return nil, err
				}

				return *got, nil
			},
			want: madmin.GroupDesc{Name: answersGroup, Status: "enabled", Members: []string{answersUser}},
		},
		{
			name: "kms:key",
			call: func(ctx context.Context, s *Server) (any, error) {
				got, err := s.Admin.GetKeyStatus(ctx, answersKMSKey)
				if err != nil {
					return nil, err
				}

				return *got, nil
			},
			want: madmin.KMSKeyStatus{KeyID: answersKMSKey},
		},
		{
			name: "admin:add-service-account",
			call: func(ctx context.Context, s *Server) (any, error) {
				got, err := s.Admin.AddServiceAccount(ctx, madmin.AddServiceAccountReq{
					TargetUser: answersUser, AccessKey: "answers-key", SecretKey: answersSecret,
				})

				return got.AccessKey, err
			},
			want: "answers-key",
		},
		{
			name: "admin:update-service-account",
			call: func(ctx context.Context, s *Server) (any, error) {
				return nil, s.Admin.UpdateServiceAccount(ctx, "answers-key", madmin.UpdateServiceAccountReq{NewSecretKey: answersSecret, NewStatus: "on"})
			},
		},
		{
			name: "admin:list-service-accounts",
			call: func(ctx context.Context, s *Server) (any, error) {
				got, err := s.Admin.ListServiceAccounts(ctx, answersUser)

				keys := make([]string, len(got.Accounts))
				for i, a := range got.Accounts {
					keys[i] = a.AccessKey
				}

				return keys, err
			},
			want: []string{"answers-key"},
		},
		{
			name: "admin:policy-entities",
			call: func(ctx context.Context, s *Server) (any, error) {
				got, err := s.Admin.GetPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Policy: []string{answersPolicy}})
				if err != nil {
					return nil, err
				}

				return got.PolicyMappings, nil
			},
			want: []madmin.PolicyEntities{{Policy: answersPolicy, Users: []string{answersUser}}},
		},
	}
}

func s3Cases() []answerCase {
	return []answerCase{
		{
			name: "s3:ListObjectVersions", call: listVersions,
			want: []listed{
				{Key: "deleted", IsLatest: true, IsMarker: true, ID: true}, {Key: "deleted", ID: true},
				{Key: "locked", IsLatest: true, ID: true},
				{Key: "object", IsLatest: true, ID: true}, {Key: "object", ID: true},
			},
		},
		{name: "s3:ListMultipartUploads", call: listUploads, want: []listed{{Key: "upload", ID: true}}},
		{
			name: "s3:GetObjectRetention",
			call: func(ctx context.Context, s *Server) (any, error) {
				mode, until, err := s.S3().GetObjectRetention(ctx, answersBucket, "locked", "")

				return []bool{mode != nil && *mode == miniogo.Governance, until != nil && !until.IsZero()}, err
			},
			want: []bool{true, true},
		},
		{name: "s3:DeleteObjects", call: removeObject("object", versionOf("object")), want: []string{"object"}},
		{
			name: "s3:GetBucketLocation", user: true,
			call: func(ctx context.Context, s *Server) (any, error) {
				return nil, s.Locate(ctx, s.Endpoint, s.AccessKey, s.SecretKey, answersBucket)
			},
			is: IsDenied,
		},
	}
}

// errorCases are answers that are errors, by which predicate recognizes them.
func errorCases() []answerCase {
	locate := func(key, secret, bucket string) func(context.Context, *Server) (any, error) {
		return func(ctx context.Context, s *Server) (any, error) {
			return nil, s.Locate(ctx, s.Endpoint, key, Secret(secret), bucket)
		}
	}
	do := func(call func(ctx context.Context, s *Server) error) func(context.Context, *Server) (any, error) {
		return func(ctx context.Context, s *Server) (any, error) { return nil, call(ctx, s) }
	}

	return []answerCase{
		{name: "access key taken", is: IsKeyTaken, call: do(func(ctx context.Context, s *Server) error {
			_, err := s.Admin.AddServiceAccount(ctx, madmin.AddServiceAccountReq{
				TargetUser: answersUser, AccessKey: "answers-key", SecretKey: answersSecret,
			})

			return err
		})},
		{name: "no such user", is: IsNotFound, call: do(func(ctx context.Context, s *Server) error {
			_, err := s.Admin.GetUserInfo(ctx, "nobody")

			return err
		})},
		{name: "no such policy", is: IsNotFound, call: do(func(ctx context.Context, s *Server) error {
			_, err := s.Admin.InfoCannedPolicyV2(ctx, "nothing")

			return err
		})},
		{name: "no such policy to set", is: IsNoSuchPolicy, call: do(func(ctx context.Context, s *Server) error {
			return s.Admin.SetPolicy(ctx, "nothing", answersUser, false) //nolint:staticcheck // The provider makes this call.
		})},
		{name: "policy in use", is: IsPolicyInUse, call: do(func(ctx context.Context, s *Server) error {
			return s.Admin.RemoveCannedPolicy(ctx, answersPolicy)
		})},
		{name: "group not empty", is: IsGroupNotEmpty, call: do(func(ctx context.Context, s *Server) error {
			return s.Admin.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: answersGroup, IsRemove: true})
		})},
		{name: "no such access key", is: IsNotFound, call: do(func(ctx context.Context, s *Server) error {
			return s.Admin.DeleteServiceAccount(ctx, "nothing")
		})},
		{name: "no such bucket to export", is: IsNotFound, call: do(func(ctx context.Context, s *Server) error {
			_, err := s.ExportBucketMetadata(ctx, "no-such-bucket")

			return err
		})},
		{name: "not an administrator", user: true, call: do(func(ctx context.Context, s *Server) error {
			_, err := s.info(ctx)

			return err
		}), is: func(err error) bool { return classifyInfo(err) == CredentialsRejected }},
		{name: "no such bucket", is: IsNotFound, call: locate(recordedKey, recordedSecret, "no-such-bucket")},
		{name: "unknown key", is: IsBadKey, call: locate("unknown-key", answersSecret, answersBucket)},
		{name: "wrong secret key", is: IsBadKey, call: locate(answersUser, "wrong-secret", answersBucket)},
		{name: "locked", is: IsLocked, call: removeObject("locked", versionOf("locked")), want: []string{"locked"}},
		{name: "not retained", is: IsNotRetained, call: do(func(ctx context.Context, s *Server) error {
			_, _, err := s.S3().GetObjectRetention(ctx, answersBucket, "object", "")

			return err
		})},
		{name: "bucket not empty", is: func(err error) bool { return code(err) == "BucketNotEmpty" }, call: do(func(ctx context.Context, s *Server) error {
			return s.S3().RemoveBucket(ctx, answersBucket)
		})},
		{name: "no purge", is: IsForceDeleteDenied, call: do(func(ctx context.Context, s *Server) error {
			return s.S3().RemoveBucketWithOptions(ctx, answersBucket, miniogo.RemoveBucketOptions{ForceDelete: true})
		})},
		{name: "versioning needed", is: IsVersioningNeeded, call: do(func(ctx context.Context, s *Server) error {
			return s.S3().SetBucketVersioning(ctx, answersBucket, miniogo.BucketVersioningConfiguration{Status: "Suspended"})
		})},
		{name: "bucket exists", is: IsClientError, call: do(func(ctx context.Context, s *Server) error {
			return s.S3().MakeBucket(ctx, answersBucket, miniogo.MakeBucketOptions{})
		})},
		{name: "wrong region", is: IsWrongRegion, call: do(func(ctx context.Context, s *Server) error {
			return s.S3().MakeBucket(ctx, "another", miniogo.MakeBucketOptions{Region: "eu-9"})
		})},
	}
}
