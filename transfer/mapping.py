"""Which column of a file becomes which field: guessed from the header, or said by people."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from customers.serializers import CustomerSerializer

CUSTOM = "custom_fields."
CARD_FIELDS = ("card_name", "card_ref", "card_balance")
# What the API's body has, and what only a file may say.
FIELDS = (
    *CustomerSerializer().fields,
    "anonymised",
    "created_at",
    *CARD_FIELDS,
    "loyalty_cards",
)
# Under which further names, in English and French, a field is known.
_SYNONYMS = {
    "private_ref": "ref reference customer_ref customer_reference customer_number customer_no"
    " external_id code_client numero_client no_client n_client ref_client"
    " reference_client identifiant_client",
    "email": "e_mail mail email_address e_mail_address adresse_email adresse_e_mail"
    " adresse_mail courriel adresse_electronique",
    "first_name": "firstname given_name forename prenom",
    "last_name": "lastname surname family_name nom nom_de_famille",
    "gender": "sex sexe genre",
    "birth_date": "birthdate birthday date_of_birth dob date_de_naissance date_naissance naissance",
    "company_name": "company organisation organization societe entreprise raison_sociale",
    "phone": "phone_number telephone tel mobile mobile_phone cell cell_phone portable"
    " telephone_portable telephone_mobile numero_de_telephone no_telephone"
    " n_telephone n_de_telephone gsm",
    "address_1": "address address1 address_line_1 street street_address adresse adresse1"
    " adresse_1 rue",
    "address_2": "address2 address_line_2 adresse2 adresse_2 complement complement_adresse"
    " complement_d_adresse",
    "postal_code": "zip zip_code zipcode postcode post_code code_postal cp",
    "city": "town ville commune localite",
    "state": "region province county etat departement",
    "country": "country_code pays code_pays",
    "latitude": "lat",
    "longitude": "lng lon long",
    "delivery_notes": "notes note comment comments delivery_instructions instructions"
    " remarques commentaire commentaires instructions_de_livraison",
    "phone_access_code": "access_code door_code digicode code_porte code_d_acces",
    "sms_marketing": "sms_opt_in sms_optin opt_in_sms optin_sms sms",
    "email_marketing": "email_opt_in email_optin opt_in_email optin_email newsletter",
    "anonymised": "anonymized anonymise",
    "created_at": "created creation_date date_created cree_le date_de_creation date_creation",
    "card_name": "loyalty_card_name nom_carte nom_de_la_carte",
    "card_ref": "card card_number card_no loyalty_card loyalty_card_ref loyalty_card_number"
    " carte numero_carte numero_de_carte no_carte n_carte n_de_carte"
    " carte_fidelite carte_de_fidelite",
    "card_balance": "balance points points_balance loyalty_points solde solde_points"
    " solde_de_points points_fidelite points_de_fidelite",
    "loyalty_cards": "cards cartes",
}
_FIELD_OF = {name: name for name in FIELDS} | {
    synonym: field for field, synonyms in _SYNONYMS.items() for synonym in synonyms.split()
}
# What says that a column is left out.
NOTHING = ("", "-")


class UnusableMapping(ValueError):
    """The mapping cannot be used; the message says why."""


class NothingMapped(UnusableMapping):
    """No column has a field."""


def guess(column: str) -> str:
    """Return the field that a column's name most likely means, "" where none."""
    if column.startswith(CUSTOM) and len(column) > len(CUSTOM):
        return column
    plain = unicodedata.normalize("NFKD", column.strip().lower())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _FIELD_OF.get(re.sub(r"[^a-z0-9]+", "_", plain).strip("_"), "")


def map_columns(
    columns: Iterable[str], *, said: Mapping[str, str], saved: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the field of each column, "" for those left out.

    Args:
        columns: The header.
        said: What this import says; it wins, and each column in it must exist.
        saved: What an earlier import into the list said.

    Raises:
        UnusableMapping: An unknown column or field, or two columns for one field.
        NothingMapped: No column has a field.
    """
    columns = list(columns)
    for column, field in said.items():
        if column not in columns:
            raise UnusableMapping(f"The file has no column {column!r}.")
        _check_field(field)
    chosen = {column: field for column, field in (saved or {}).items() if column in columns}
    chosen |= {column: "" if field in NOTHING else field for column, field in said.items()}
    taken = [field for field in chosen.values() if field]
    for field in taken:
        if taken.count(field) > 1 and field in said.values():
            raise UnusableMapping(_("Two columns cannot both be %s.") % field)
    mapped = {}
    for column in columns:
        if column in chosen:
            mapped[column] = chosen[column]
            continue
        # The first of two that mean the same; the second may be chosen by hand.
        field = guess(column)
        mapped[column] = "" if field in taken else field
        taken.append(field)
    if not any(mapped.values()):
        raise NothingMapped(_("Nothing would be imported. Say which column is which."))
    return mapped


def parse(words: Iterable[str]) -> dict[str, str]:
    """Return what ``column=field`` options say.

    Raises:
        UnusableMapping: One is not of that form.
    """
    said: dict[str, str] = {}
    for word in words:
        # The field has no equals sign; a column's name may have one.
        column, equals, field = word.rpartition("=")
        if not equals or not column:
            raise UnusableMapping(f"--map must be COLUMN=FIELD, not {word!r}.")
        said[column] = field.strip()
    return said


def _check_field(field: str) -> None:
    custom = field.startswith(CUSTOM) and len(field) > len(CUSTOM)
    if field not in NOTHING and field not in FIELDS and not custom:
        raise UnusableMapping(
            f"There is no field {field!r}. Fields are: {', '.join(FIELDS)}, {CUSTOM}NAME;"
            " - leaves the column out."
        )
