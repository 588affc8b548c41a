using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Slipway.Scheduling;

/// <summary>Which builder a scope goes to: always the same one while the builders stay the same and it has room.</summary>
internal static class Placement
{
    /// <summary>
    /// To the builder where the scope ran last, or else to the best. A scope whose best is another by now, since there are more members,
    /// goes there as soon as the last one is full: only who has ever run on its best waits for it.
    /// </summary>
    public static Choice Choose(string scope, IReadOnlyList<Member> members, string? ranOn, Func<Member, bool> hasRoom)
    {
        var preferred = Preferred(scope, members, ranOn);
        var free = preferred is not null && hasRoom(preferred) ? preferred : Best(scope, members.Where(hasRoom));
        return new Choice(preferred, free, preferred?.Builder is not null && preferred.Name == ranOn && preferred == Best(scope, members));
    }

    /// <summary>Without those to be avoided, as long as another one takes builds: else they are better than none.</summary>
    public static IReadOnlyList<Member> Without(IReadOnlyList<string> avoided, IReadOnlyList<Member> members)
    {
        if (avoided.Count == 0) return members;
        var others = members.Where(member => !avoided.Contains(member.Name, StringComparer.Ordinal)).ToList();
        return others.Any(member => member.Builder is not null) ? others : members;
    }

    public static Member? Preferred(string scope, IReadOnlyList<Member> members, string? ranOn) =>
        members.FirstOrDefault(member => member.Name == ranOn) ?? Best(scope, members);

    /// <summary>
    /// Rendezvous hashing: every scope has its own order of all members. Where some are full, the best of the others is the next in
    /// that order, and a member more or less moves only the scopes that go to it. Null where there are none.
    /// </summary>
    public static Member? Best(string scope, IEnumerable<Member> members)
    {
        var hash = Hash(scope);
        return members.MaxBy(member => Mix(hash ^ member.Hash));
    }

    /// <summary>Where a scope or a member stands.</summary>
    public static ulong Hash(string name) => BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(name)));

    /// <summary>Every bit of the result depends on every bit of the value: SplitMix64's finalizer. One SHA for each pair is too slow for long queues.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}

/// <summary>
/// A name that scopes are placed on, whether or not there is a builder of that name yet. By name, not by uid: a builder that comes
/// back has its volume, and so its cache.
/// </summary>
/// <param name="Name">The builder's name.</param>
/// <param name="Builder">Null where it takes no builds now.</param>
internal sealed record Member(string Name, Builder? Builder)
{
    public ulong Hash { get; } = Placement.Hash(Name);
}

/// <summary>What placement says of a build.</summary>
/// <param name="Preferred">Where it should go; null where there are no members.</param>
/// <param name="Free">Where it can go now; null where all are full.</param>
/// <param name="WorthWaiting">The preferred one has its cache and takes builds.</param>
internal sealed record Choice(Member? Preferred, Member? Free, bool WorthWaiting);
