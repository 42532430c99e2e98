package doctor

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"keyturn/internal/vaultkv"
)

// lacks makes one finding of all paths of a folder that lack the same: a policy forgets folders.
func (s Store) lacks(lacks []*vaultkv.LackError) []Finding {
	type folder struct{ name, lacks string }
	var order []folder
	paths := map[folder][]string{}
	for _, l := range lacks {
		at := folder{path.Dir(l.Path), strings.Join(l.Lacks, ", ")}
		if paths[at] == nil {
			order = append(order, at)
		}
		paths[at] = append(paths[at], l.Path)
	}
	var all []Finding
	for _, at := range order {
		what := fmt.Sprintf("the token lacks %s on %s", at.lacks, paths[at][0])
		if more := len(paths[at]) - 1; more > 0 {
			what += fmt.Sprintf(" and %d more beside it", more)
		}
		all = append(all, s.finding(Error, what, s.whyRight(paths[at][0]),
			"add this to the policy of the login; it counts within 5 minutes, without a restart", s.stanza(at.name, paths[at][0], at.lacks)...))
	}
	return all
}

func (s Store) whyRight(of string) string {
	switch {
	case strings.HasPrefix(of, s.Config.Mount+"/data/"):
		return "the password of a rotation could not be stored where consumers read it: the credential waits"
	case strings.HasPrefix(of, s.Config.JournalMount+"/"):
		return "no rotation of this store begins without its journal"
	}
	return "the process cannot keep its token alive, or find out what it may do"
}

// stanza is a block of a policy. It has all rights that the path needs, because the longest pattern that matches counts
// alone.
func (s Store) stanza(folder, of, lacks string) []string {
	rights := strings.Split(lacks, ", ")
	pattern := of
	for _, mount := range []string{s.Config.Mount, s.Config.JournalMount} {
		if strings.HasPrefix(of, mount+"/data/") {
			rights = []string{"create", "read", "update"}
			pattern = folder + "/*"
		}
	}
	if strings.HasPrefix(of, s.Config.JournalMount+"/data/") {
		pattern = s.Config.JournalMount + "/data/*"
	}
	slices.Sort(rights)
	return []string{fmt.Sprintf("path %q { capabilities = [%s] }", pattern, `"`+strings.Join(rights, `", "`)+`"`)}
}
