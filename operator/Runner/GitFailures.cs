using System.Text.RegularExpressions;

namespace Slipway.Runner;

/// <summary>What git says when it cannot have what was asked for; BuildKit passes the same words on.</summary>
internal static partial class GitFailures
{
    public static RunFailure? Classify(string text, GitSource git) =>
        NoRevision().IsMatch(text) ? RevisionNotFound(git)
        : Untrusted().IsMatch(text) ? new RunFailure { Class = FailureClass.Config, Reason = FailureReasons.SourceUnreachable, Message = $"The certificate of {git.Url} is not trusted." }
        : NoRepository().IsMatch(text) ? new RunFailure { Class = FailureClass.Config, Reason = FailureReasons.RepositoryNotFound, Message = $"The repository {git.Url} does not exist, or may not be read without credentials." }
        : Unreachable().IsMatch(text) ? new RunFailure { Class = FailureClass.Infrastructure, Reason = FailureReasons.SourceUnreachable, Message = $"{git.Url} cannot be reached." }
        : null;

    public static RunFailure RevisionNotFound(GitSource git) => new()
    {
        Class = FailureClass.Config,
        Reason = FailureReasons.RevisionNotFound,
        Message = $"The repository {git.Url} has no branch, tag or commit {git.Revision}.",
    };

    [GeneratedRegex(@"couldn't find remote ref|does not contain ref|not our ref|unadvertised object|reference is not a tree|bad object|did not match any file|unknown revision|pathspec|unable to read tree \(|not a valid object name", RegexOptions.IgnoreCase)]
    private static partial Regex NoRevision();

    [GeneratedRegex(@"certificate problem|certificate verif|server certificate|unable to get local issuer|Host key verification failed", RegexOptions.IgnoreCase)]
    private static partial Regex Untrusted();

    [GeneratedRegex(@"repository '.*' not found|could not read Username|Authentication failed|terminal prompts disabled|does not appear to be a git repository|repository not found|returned error: (?:401|403|404)|not valid: is this a git repository|Permission denied \(", RegexOptions.IgnoreCase)]
    private static partial Regex NoRepository();

    [GeneratedRegex(@"Could not resolve host|Failed to connect|Connection refused|Connection timed out|unable to access|timed out|Could not read from remote|early EOF|hung up|returned error: (?:429|5\d\d)|Operation too slow", RegexOptions.IgnoreCase)]
    private static partial Regex Unreachable();
}
