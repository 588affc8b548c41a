namespace Slipway.Runner;

/// <summary>What is to be built once more, all of it in the builder's own cache by then, to write that to the remote one.</summary>
internal sealed record BuiltOnce
{
    /// <summary>As it was built: with the commit that its revision meant.</summary>
    public required BuildDescription Build { get; init; }

    /// <summary>False where the remote cache had holes: it is not read again before it is written afresh.</summary>
    public bool Imports { get; init; } = true;
}

/// <summary>
/// From the container that builds to the one beside it that writes the cache, through a folder of theirs. A lock tells that the
/// first one still runs: the kernel lets go of it however that ends.
/// </summary>
internal sealed class Handover : IDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    /// <summary>Containers of a pod start one after the other, and one that cannot start may hold up the others for good.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);

    private readonly string _folder;
    private readonly FileStream _lock;

    private Handover(string folder, FileStream held) => (_folder, _lock) = (folder, held);

    /// <summary>By the container that builds, before anything else. The name is only ever that of a file that is locked already.</summary>
    public static Handover Begin(string folder)
    {
        var unlocked = Path.Combine(folder, "building.new");
        var held = Lock(unlocked, FileMode.Create);
        File.Move(unlocked, LockIn(folder), overwrite: true);
        return new Handover(folder, held);
    }

    public void Pass(BuiltOnce built)
    {
        var unfinished = Path.Combine(_folder, "built.new");
        File.WriteAllText(unfinished, RunnerJson.Serialize(built));
        File.Move(unfinished, BuiltIn(_folder));
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>By the container that writes the cache. Null where the other one has ended, or never begun, and left nothing.</summary>
    public static async Task<BuiltOnce?> WaitAsync(string folder, TimeProvider time, CancellationToken interrupted)
    {
        var started = time.GetTimestamp();
        while (!File.Exists(BuiltIn(folder)))
        {
            if (HasEnded(folder)) return Read(folder);
            if (!File.Exists(LockIn(folder)) && time.GetElapsedTime(started) > StartLimit) return null;
            await Task.Delay(Poll, time, interrupted);
        }

        return Read(folder);
    }

    private static BuiltOnce? Read(string folder) => File.Exists(BuiltIn(folder)) ? RunnerJson.Deserialize<BuiltOnce>(File.ReadAllText(BuiltIn(folder))) : null;

    private static bool HasEnded(string folder)
    {
        try
        {
            Lock(LockIn(folder), FileMode.Open).Dispose();
            return true;
        }
        catch (IOException)
        {
            // Held, or not begun.
            return false;
        }
    }

    private static FileStream Lock(string path, FileMode mode) => new(path, mode, FileAccess.ReadWrite, FileShare.None);

    private static string LockIn(string folder) => Path.Combine(folder, "building");

    private static string BuiltIn(string folder) => Path.Combine(folder, "built.json");
}
