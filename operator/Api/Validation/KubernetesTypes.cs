using FluentValidation;
using k8s.Models;

namespace Slipway.Api.Validation;

/// <summary>An object of the same namespace, by name.</summary>
internal sealed class LocalReferenceValidator : AbstractValidator<LocalReference?>
{
    public LocalReferenceValidator() => RuleFor(reference => reference!.Name).Required().Length(253).Matching(Patterns.DnsSubdomain);
}

internal sealed class ResourcesValidator : AbstractValidator<V1ResourceRequirements?>
{
    public ResourcesValidator()
    {
        RuleFor(resources => resources!.Limits).Custom((limits, context) => Quantities("limits", limits, context));
        RuleFor(resources => resources!.Requests).Custom((requests, context) => Quantities("requests", requests, context));
    }

    private static void Quantities(string field, IDictionary<string, ResourceQuantity>? quantities, ValidationContext<V1ResourceRequirements?> context)
    {
        if (quantities is null) return;
        if (quantities.Count > 16) context.AddFailure(field, "must have at most 16 items");
        foreach (var (name, quantity) in quantities.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (quantity is null || !Patterns.Matches(quantity.ToString(), Patterns.Quantity))
                context.AddFailure($"{field}.{name}", "must be a quantity, such as 500m or 2Gi");
        }
    }
}

internal sealed class TolerationValidator : AbstractValidator<V1Toleration?>
{
    public TolerationValidator()
    {
        RuleFor(toleration => toleration!.Key).Length(316).Matching(Patterns.TaintKey);
        RuleFor(toleration => toleration!.OperatorProperty).OneOf("Equal", "Exists").OverridePropertyName("operator");
        RuleFor(toleration => toleration!.Value).Length(63).Matching(Patterns.LabelValue);
        RuleFor(toleration => toleration!.Effect).OneOf("NoSchedule", "PreferNoSchedule", "NoExecute");
        RuleFor(toleration => toleration!.OperatorProperty)
            .Must((toleration, comparison) => !string.IsNullOrEmpty(toleration!.Key) || comparison == "Exists")
            .WithMessage(Messages.TolerationKey).OverridePropertyName("operator");
        RuleFor(toleration => toleration!.Value)
            .Must((toleration, value) => toleration!.OperatorProperty != "Exists" || string.IsNullOrEmpty(value))
            .WithMessage(Messages.TolerationValue);
        RuleFor(toleration => toleration!.TolerationSeconds)
            .Must((toleration, seconds) => seconds is null || toleration!.Effect == "NoExecute")
            .WithMessage(Messages.TolerationSeconds);
    }
}

internal sealed class LabelSelectorValidator : AbstractValidator<V1LabelSelector?>
{
    public LabelSelectorValidator()
    {
        RuleFor(selector => selector!.MatchLabels).Custom((labels, context) => Labels.Check("matchLabels", labels, context));
        RuleFor(selector => selector!.MatchExpressions)
            .Must(expressions => expressions is null || expressions.Count <= 16).WithMessage("must have at most 16 items");
        RuleForEach(selector => selector!.MatchExpressions).Required().SetValidator(new LabelRequirementValidator());
        RuleFor(selector => selector)
            .Must(selector => selector!.MatchLabels?.Count > 0 || selector.MatchExpressions?.Count > 0)
            .WithMessage(Messages.SelectorEmpty);
    }
}

internal sealed class LabelRequirementValidator : AbstractValidator<V1LabelSelectorRequirement?>
{
    public LabelRequirementValidator()
    {
        RuleFor(requirement => requirement!.Key).Required().Length(316).Matching(Patterns.LabelKey);
        RuleFor(requirement => requirement!.OperatorProperty).Required().OneOf("In", "NotIn", "Exists", "DoesNotExist").OverridePropertyName("operator");
        RuleFor(requirement => requirement!.Values)
            .Must((requirement, values) => requirement!.OperatorProperty is "In" or "NotIn" == values?.Count > 0)
            .WithMessage(Messages.ExpressionValues);
        RuleForEach(requirement => requirement!.Values).Length(63).Matching(Patterns.LabelValue);
    }
}

/// <summary>Maps of label keys to values. A schema cannot look at keys, so this is where they are looked at.</summary>
internal static class Labels
{
    public static void Check<T>(string field, IDictionary<string, string>? labels, ValidationContext<T> context)
    {
        if (labels is null) return;
        if (labels.Count > 32) context.AddFailure(field, "must have at most 32 items");
        foreach (var (key, value) in labels.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!IsKey(key)) context.AddFailure($"{field}.{key}", "must be a label key: [prefix/]name of at most 63 characters");
            if (value is null || value.Length > 63 || !Patterns.Matches(value, Patterns.LabelValue))
                context.AddFailure($"{field}.{key}", "must be a label value: at most 63 letters, digits and -_. between them");
        }
    }

    private static bool IsKey(string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        var name = key[(slash + 1)..];
        var prefix = slash < 0 ? null : key[..slash];
        return name.Length is > 0 and <= 63 && Patterns.Matches(name, Patterns.LabelValue)
            && (prefix is null || (prefix.Length is > 0 and <= 253 && Patterns.Matches(prefix, Patterns.DnsSubdomain)));
    }
}
