"""The words around digits in a mail: whether they speak of a telephone or of something else, and of which kind."""

from __future__ import annotations

import re

# Numbers of these things look like telephones and are none. Singular on purpose: "reservas: 02 ..." names a desk.
_OTHER = re.compile(
    r"\b(?:ruc|r\.u\.c|c\.?i|c[ée]dula|nit|c\.?c|dni|rut|curp|rfc|cuit|cuil|cbu|cvu|clabe|cnpj|cpf|rg|ssn|ein|nhs|utr|npi|mrn|vin|"
    r"imei|tax id|vat|p\.? ?iva|partita iva|codice fiscale|cod\.? fisc|siren|siret|rcs|tva|nif|cif|ust-?id(?:nr)?|hrb|mpan|cus|doc|documento?|reg(?:istered|istro)?\.? (?:no|in)|"
    r"invoice|inv|factura|fatura|nota fiscal|nota|recibo|receipt|boleta|boleto|comprobante|comprovante|cup[óo]n|cupom|coupon|voucher|"
    r"(?<!to )order|(?<!zum )auftrag|pedido|orden|oc|bestellung|tracking|gu[ií]a|rastreo|rastreio|sendungsverfolgung|env[íi]o|shipment|awb|remito|"
    r"ticket|turno|case|caso|chamado|incident|tr[áa]mite|solicitud|solicita[çc][ãa]o|petici[óo]n|pqr|application|docket|"
    r"account|acct|aba|cuenta|conta|kto|konto|sort code|routing|ag\.|iban|bic|swift|blz|tarjeta|cart[ãa]o|card|karte|cheque|check|scheck|"
    r"loan|mortgage|pr[ée]stamo|empr[ée]stimo|cr[ée]dito|dep[óo]sito|transaction|transacci[óo]n|transa[çc][ãa]o|operaci[óo]n|opera[çc][ãa]o|"
    r"aprobaci[óo]n|autorizaci[óo]n|autoriza[çc][ãa]o|autenticaci[óo]n|autentica[çc][ãa]o|folio|"
    r"ref(?:erence|erencia|erência|erenz)?|policy|p[óo]liza|ap[óo]lice|contract|contrato|vertrag|claim|siniestro|sinistro|"
    r"customer (?:id|no)|(?:c[óo]digo|n[úu]mero) (?:de|do) cliente|afiliado|patient|paciente|student|alumno|aluno|"
    r"serial|serie|s[ée]rie|sku|part no|model|modelo|isbn|ean|po|p\.o|chasis|chassi|motor|placa|asset|device|equipo|"
    r"zip|c\.?e\.?p|c[óo]digo postal|plz|lote|lot|batch|parcel|apn|padr[óo]n|title|t[íi]tulo|deed|escritura|"
    r"meeting id|id de reuni[óo]n|id da reuni[ãa]o|passcode|pin|code|c[óo]digo|clave|password|contrase[ñn]a|senha|otp|token|"
    r"expediente|legajo|radicado|radicaci[óo]n|protocolo|processo|proceso|file|archivo|arquivo|aktenzeichen|az|"
    r"cotizaci[óo]n|proforma|or[çc]amento|angebot|quote|reservation|reserva|booking|localizador|confirmaci[óo]n|confirmation|"
    r"suscripci[óo]n|subscription|assinatura|inscripci[óo]n|inscri[çc][ãa]o|flight|vuelo|voo|"
    r"empleado|funcion[áa]rio|employee|matr[íi]cula|membership|socio|s[óo]cio|licencia|licen[cs]e|licen[çc]a|"
    r"pasaporte|passport|passaporte|art|id|user|usuario|usu[áa]rio|login|version|versi[óo]n|vers[ãa]o|build|meter|medidor|bytes)\b",
    re.IGNORECASE,
)
# "member number", "Vorgangsnummer", "número de reporte": numbers of whatever is not a telephone.
_NUMBER_OF = re.compile(
    r"\b(?!(?:phone|cell|mobile|contact|work|office|home|direct|fax|whatsapp|my|your|his|her|our|their|the|a|this|that|new|old|same|"
    r"following|local|landline|main|toll-free|free|emergency|telephone|support|service|desk|best|call|right|wrong|with|at|on|is)\b)"
    r"[^\W\d_]+ (?:number\.?|no\.)$"
    r"|\b(?!(?:[Tt]elefon|[Rr]uf|[Hh]andy|[Mm]obil|[Mm]obilfunk|[Ff]ax|[Dd]urchwahl|[Ss]ervice|[Ff]estnetz|[Hh]aus|[Hh]otline)-?n)[^\W\d_]{3,}-?(?:nummer|nr\.?)$"
    r"|\b(?:[Nn][úu]mero|[Nn]ro\.?|n[°º]\.?) (?:de|do|da|del|de la) (?!(?:tel|cel|contact|contato|whats|casa|oficina|escrit|trab|emerg|fax|l[íi]ne|linha|"
    r"atenci|atend|m[óo]vil|consult|servicio al|soporte|suporte|ac[áa]\b|aqu[íi]\b|all[áa]\b|ah[íi]\b|mi\b|su\b))[^\W\d_A-ZÁÉÍÓÚÑ][^\W\d_]+(?: [^\W\d_]+)?$",
)
_PHONE = re.compile(
    r"\b(?:tel|telf|tlf|tel[ée]fono\w*|telefone|telefon|phone|phones|ph|fono|fone|fon|pbx|conmutador|central|switchboard|zentrale|"
    r"durchwahl|rufnummer|mobile|mob|cell|cel|celu|celular\w*|rpm|rpc|m[óo]vil|handy|mobil|whats ?app|wpp|zap|sms|fax|telefax|"
    r"call|calls|text|reach|ring|dial|contact|contacto|contato|desk|line|l[íi]nea|linha|hotline|helpline|office|oficina|"
    r"escrit[óo]rio|b[üu]ro|support|soporte|suporte|service|servicio|atenci[óo]n|atendimento|emergenc\w*|urgenc\w*|notfall|"
    r"manager|executive|team|dept|department|departamento|asesora?|ejecutiv[oa]|gerente|agente|recepci[óo]n|reception|"
    r"ll[áa]m\w*|marc(?:ar|as|a|ame|que)|m[áa]rc(?:ame|anos)|escr[íi]b\w*|comun[íi]\w*|contact\w+|lig[auo]\w*|chama|anrufen|erreich\w*|"
    r"consultas?|dudas?|d[úu]vidas?|questions?|informes|info|help|ayuda|ajuda|rsvp|al|conosco)\b",
    re.IGNORECASE,
)
_OF = re.compile(r"\s(?:de|do|da|of|for|para)(?:\s(?:la|el|los|the))?\s$", re.IGNORECASE)
# What may stand between such a word and its digits.
_FILLER = re.compile(
    r"(?:[\s:=#*_\-.,°º]|\b(?:is|es|é|ist|are|de|da|do|del|el|la|the|die|no|nr|num|n|number|nummer|n[úu]m|n[úu]mero|is:)\b)+$",
    re.IGNORECASE,
)
_SIGN = re.compile(r"(?:#|\b(?:n[°º]\.?|no\.|nr\.?|nro\.?|num\.?))\s*[:.]?\s*$", re.IGNORECASE)
_BOUNDARY = re.compile(r"(?<=[^\W\d_]{4})\.\s+|[?!;|•,]\s+|\((?=[^\W\d])|\s[-/]\s")
_UNIT = re.compile(
    r"\s?(?:dollars?|d[óo]lares|pesos|reais|euros?|pounds|units?|unidades|unid|piezas|stück|kwh|kg|km|m2|%|bytes|items)\b",
    re.IGNORECASE,
)
# Things that are counted, behind a block of digits without blanks; a count does not begin with 0.
_COUNTED = re.compile(
    r"\s(?:rows?|records?|lines|users?|customers|items?|units?|entries|events|requests|hits|views|clicks|downloads|"
    r"zeilen|datens[äa]tze|eintr[äa]ge|nutzer|benutzer|kunden|filas|registros|l[íi]neas|usuarios|clientes|unidades|art[íi]culos|"
    r"linhas|usu[áa]rios|itens|lignes|utilisateurs|righe|utenti)\b",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"[1-9]\d+", re.ASCII)
NEAR_WORDS = 4
MAX_LABEL_CHARS = 200

_LABELS = (
    ("fax", re.compile(r"\b(?:fax|telefax)\W*$|(?:\bf[:.]|(?:^|[|·;])\s*f)\s+$", re.IGNORECASE)),
    (
        "mobile",
        re.compile(
            r"\b(?:mobile|mob|cell|cel|celu|celular|rpm|rpc|m[óo]vil|m[òo]bil|mov|movil|handy|mobil|mobiltelefon|whats ?app|wpp|zap)\W*$|(?:\b[mc][:.]|(?:^|[|·;])\s*[mc])\s*$",
            re.IGNORECASE,
        ),
    ),
    ("home", re.compile(r"\b(?:home|casa|domicilio|privat|residencial)\W*$", re.IGNORECASE)),
    (
        "work",
        re.compile(
            r"\b(?:office|oficina|of|work|direct|directo|direct line|pbx|conmutador|central|trabajo|escrit[óo]rio|comercial|"
            r"durchwahl|b[üu]ro|zentrale|switchboard|tel|telf|tel[ée]fono|telefono|telefone|telefon|phone|ph|tlf|fono|fone|fon)\W*$"
            r"|(?:\b[tpod][:.]|(?:^|[|·;])\s*[tpod])\s*$",
            re.IGNORECASE,
        ),
    ),
)


def label_of(before: str) -> str:
    """`fax`, `mobile`, `home`, `work` or "" by the word in front of the number."""
    before = before[-MAX_LABEL_CHARS:] if len(before) > MAX_LABEL_CHARS else before
    return next((label for label, words in _LABELS if words.search(before)), "")


def is_something_else(before: str, after: str, written: str) -> bool:
    """Whether the words near the digits name a document, an account, a price or the like.

    Digits with a plus are never taken for one; among the last four words the nearest word decides.
    """
    if written.startswith("+"):
        return False
    if _UNIT.match(after) or (_BLOCK.fullmatch(written) and _COUNTED.match(after)):
        return True
    head = before[-120:]
    signed = bool(_SIGN.search(head))
    clause = _BOUNDARY.split(_SIGN.sub("", head))[-1]
    if _NUMBER_OF.search(clause.rstrip(" :=#-")):
        return True
    near = " ".join(_FILLER.sub("", clause).split()[-NEAR_WORDS:])
    others, phones = list(_OTHER.finditer(near)), list(_PHONE.finditer(near))
    if not others:
        return signed and not phones
    last, cue = others[-1], phones[-1] if phones else None
    return cue is None or cue.end() <= last.end() or bool(_OF.search(near[last.end() : cue.start()]))
