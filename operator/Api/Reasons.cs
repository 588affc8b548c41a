namespace Slipway.Api;

/// <summary>
/// The closed list of condition reasons that the operator itself gives. Reasons of failed Jobs are in Runner.FailureReasons;
/// docs/reasons.md holds both, held together by a test.
/// </summary>
internal static class Reasons
{
    // Builds on their way.
    public const string NamespaceUnseen = nameof(NamespaceUnseen);
    public const string ResolvingRevision = nameof(ResolvingRevision);
    public const string NoBuilderFree = nameof(NoBuilderFree);
    public const string NoBuilderReady = nameof(NoBuilderReady);
    public const string WarmBuilderBusy = nameof(WarmBuilderBusy);
    public const string Building = nameof(Building);
    public const string Publishing = nameof(Publishing);
    public const string ReplacingOlder = nameof(ReplacingOlder);
    public const string Retrying = nameof(Retrying);
    public const string WaitingForTag = nameof(WaitingForTag);
    public const string Ending = nameof(Ending);

    // Builds that ended.
    public const string Succeeded = nameof(Succeeded);
    public const string Invalid = nameof(Invalid);
    public const string PoolNotFound = nameof(PoolNotFound);
    public const string NamespaceNotAllowed = nameof(NamespaceNotAllowed);
    public const string PlatformNotInPool = nameof(PlatformNotInPool);
    public const string PoolStalled = nameof(PoolStalled);
    public const string RunnerImagePullFailed = nameof(RunnerImagePullFailed);
    public const string RunnerUnschedulable = nameof(RunnerUnschedulable);
    public const string RunnerNotStarted = nameof(RunnerNotStarted);
    public const string RunnerRefused = nameof(RunnerRefused);
    public const string RunnerLost = nameof(RunnerLost);
    public const string NodeLost = nameof(NodeLost);
    public const string Cancelled = nameof(Cancelled);
    public const string Superseded = nameof(Superseded);
    public const string TimedOut = nameof(TimedOut);

    // Pools.
    public const string AllBuildersReady = nameof(AllBuildersReady);
    public const string BuildersStarting = nameof(BuildersStarting);
    public const string LeftoversGoing = nameof(LeftoversGoing);
    public const string BuilderImagePullFailed = nameof(BuilderImagePullFailed);
    public const string BuilderUnschedulable = nameof(BuilderUnschedulable);
    public const string BuilderCrashing = nameof(BuilderCrashing);
    public const string BuilderCannotEmulate = nameof(BuilderCannotEmulate);
    public const string EndpointsUnreachable = nameof(EndpointsUnreachable);
    public const string BuilderLowDisk = nameof(BuilderLowDisk);
    public const string ApiServerUnknown = nameof(ApiServerUnknown);
    public const string KnownVulnerabilities = nameof(KnownVulnerabilities);
    public const string NameTaken = nameof(NameTaken);
    public const string StorageImmutable = nameof(StorageImmutable);

    // Cache.
    public const string CacheCredentialsMissing = nameof(CacheCredentialsMissing);
    public const string CacheInUse = nameof(CacheInUse);
    public const string CacheUnreadable = nameof(CacheUnreadable);
    public const string CacheBroken = nameof(CacheBroken);
    public const string CacheRepaired = nameof(CacheRepaired);
    public const string CacheNotWritten = nameof(CacheNotWritten);
    public const string CacheHitRatioFell = nameof(CacheHitRatioFell);
    public const string CacheExpiryPending = nameof(CacheExpiryPending);
    public const string CacheLifecycleApplied = nameof(CacheLifecycleApplied);
    public const string CacheSwept = nameof(CacheSwept);
    public const string CacheExpiryConflict = nameof(CacheExpiryConflict);
    public const string CacheExpiryFailed = nameof(CacheExpiryFailed);
}
