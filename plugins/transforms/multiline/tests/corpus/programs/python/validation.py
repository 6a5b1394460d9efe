# corpus: records
class ValidationError(ValueError):
    pass


raise ValidationError(
    "2 validation errors for Order\ntotal\n  Input should be a valid number\n"
    "customer\n  Field required [type=missing]"
)
