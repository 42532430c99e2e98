package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/internal/rotation"
)

// filing is which owner and labels a command was asked about.
type filing struct {
	owner  string
	labels []string // key=value
}

func (f *filing) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.owner, "owner", "", "only credentials of this `OWNER`")
	cmd.Flags().StringSliceVar(&f.labels, "label", nil, "only credentials with this label, `KEY=VALUE`; may be repeated: all must be there")
}

// marks is what a credential must carry; nil if anything will do.
func (f *filing) marks() (*rotation.Marks, error) {
	if f.owner == "" && len(f.labels) == 0 {
		return nil, nil
	}
	m := &rotation.Marks{Owner: f.owner, Labels: map[string]string{}}
	for _, text := range f.labels {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" || value == "" {
			return nil, usageError{fmt.Errorf("--label %s: want KEY=VALUE", text)}
		}
		if before, twice := m.Labels[key]; twice && before != value {
			return nil, usageError{fmt.Errorf("--label %s: no credential has %s=%s as well", text, key, before)}
		}
		m.Labels[key] = value
	}
	return m, nil
}

// again is the filing as flags for another command, with a blank before each.
func (f *filing) again() string {
	text := ""
	if f.owner != "" {
		text += " --owner " + quoted(f.owner)
	}
	for _, label := range f.labels {
		text += " --label " + quoted(label)
	}
	return text
}

// quoted is a text as a shell takes it.
func quoted(text string) string {
	if !strings.ContainsAny(text, " '\"\\$`*?[]#~<>()&;|!{}") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// labelsText is labels for people, in the order of their keys.
func labelsText(labels map[string]string) string {
	all := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, key+"="+labels[key])
	}
	return strings.Join(all, ", ")
}
