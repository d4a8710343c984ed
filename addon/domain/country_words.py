"""Words of mails that speak for a country: names, cities, company forms, papers and habits of writing; languages.

All words are folded (lower case, no accents, letters only); a phrase is written with blanks. A weight after the colon
is in the points of evidence of `number_country`.
"""

from __future__ import annotations

from itertools import chain

# A name alone; names that are also surnames or other words carry a smaller weight of their own.
PLACE = 4.0

_NAMES = {
    "EC": "ecuador,equador,quito,guayaquil,cuenca:2.5,ambato,riobamba,machala,manta:2,portoviejo,ibarra,esmeraldas,samborondon,urdesa,cumbaya,babahoyo,latacunga,duran guayas,santo domingo de los tsachilas,quevedo:1.5,pichincha,guayas,azuay,tungurahua,manabi,iess",
    "CO": "colombia,kolumbien,bogota,medellin,cali:3,barranquilla,cartagena de indias,bucaramanga,pereira:2,manizales,cucuta,ibague,santa marta,villavicencio,envigado,itagui,antioquia,quindio,risaralda,cundinamarca,atlantico colombia,chapinero,bancolombia,nequi,daviplata,valle del cauca",
    "MX": "mexico,mexiko,messico,cdmx,ciudad de mexico,guadalajara,monterrey,puebla,queretaro,tijuana,leon gto,merida yucatan,cancun,zapopan,toluca,hermosillo,chihuahua,saltillo,jal,jalisco,nuevo leon,san pedro garza garcia,naucalpan,polanco,quintana roo,tamps,tamaulipas,sinaloa,guanajuato,veracruz,aguascalientes,culiacan,edomex",
    "AR": "argentina,argentinien,argentine,buenos aires,caba,bsas,rosario:2,cordoba argentina,cordoba arg,mendoza:2.5,la plata,mar del plata,tucuman,neuquen,bariloche,santa fe argentina,palermo soho,microcentro",
    "BR": "brasil,brazil,brasilien,bresil,brasile,sao paulo,rio de janeiro,curitiba,belo horizonte,porto alegre,brasilia,florianopolis,salvador bahia,salvador ba,recife,fortaleza:2,campinas,goiania,manaus,joinville,niteroi,santos sp,ribeirao preto,vitoria es,belem",
    "US": "usa,united states,estados unidos,eeuu,ee uu,etats unis,vereinigte staaten,stati uniti,new york,nueva york,nova york,nueva jersey,filadelfia,nyc,california,texas,florida,san francisco,los angeles,chicago,boston,seattle,miami,austin,houston,dallas,denver,atlanta,philadelphia,phoenix,san diego,portland,new mexico:6,washington dc,brooklyn,new jersey,massachusetts,illinois,nevada,las vegas,minneapolis,detroit,orlando,nashville,palo alto,san jose ca",
    "GB": "united kingdom,uk,reino unido,royaume uni,regno unito,london,londres,londra,manchester,birmingham,leeds,bristol,edinburgh,glasgow,england,inglaterra,scotland,wales,cardiff,belfast,liverpool,sheffield,nottingham,newcastle upon tyne,great britain,grossbritannien,oxford,york england,leicester",
    "DE": "deutschland,germany,alemania,alemanha,allemagne,germania,berlin,berlim,munchen,munich,muenchen,hamburg,koln,koeln,cologne,frankfurt,stuttgart,dusseldorf,duesseldorf,leipzig,dresden,hannover,nurnberg,bremen,dortmund,heidelberg,karlsruhe,mannheim,freiburg,bonn",
    "PE": "peru:3.5,lima:2.5,arequipa,trujillo:1.5,cusco,cuzco,miraflores,san isidro lima,callao,chiclayo,piura,surco,san borja,huancayo,iquitos",
    "CL": "chile,santiago de chile,santiago chile,santiago:2,nunoa,valparaiso,vina del mar,concepcion:2,providencia:2,las condes,vitacura,antofagasta,temuco,puerto montt,rancagua,la serena",
    "ES": "espana,spain,spanien,espagne,spagna,espanha,madrid,barcelona,valencia:2.5,sevilla,zaragoza,malaga,bilbao,murcia:2.5,alicante,valladolid,granada:2.5,palma de mallorca,san sebastian,donostia,vigo:2.5,la coruna,gijon,vitoria gasteiz,pamplona",
    "FR": "france,francia,frankreich,franca,paris,lyon,bayonne,marseille,toulouse,bordeaux,lille,nantes,strasbourg,rennes,montpellier,grenoble,nice france,aix en provence,villeurbanne,cedex",
    "IT": "italia,italy,italien,italie,roma,rome,milano,milan,napoli,torino,turin,bologna,firenze,florence,genova,venezia,verona,padova,palermo:2,catania,bari,bergamo,brescia,trieste,modena",
    "CA": "canada,toronto,montreal,vancouver,ottawa,calgary,ontario,quebec",
    "PY": "paraguay,asuncion", "UY": "uruguay,montevideo", "BO": "bolivia,la paz bolivia,santa cruz de la sierra,cochabamba",
    "VE": "venezuela,caracas,maracaibo", "PA": "panama,ciudad de panama", "CR": "costa rica",
    "GT": "guatemala", "DO": "republica dominicana,dominican republic,santo domingo", "SV": "el salvador", "HN": "honduras,tegucigalpa",
    "NI": "nicaragua,managua", "PR": "puerto rico", "PT": "portugal,lisboa,lisbon,porto portugal", "CH": "schweiz,switzerland,suiza,suisse,svizzera,zurich,zuerich,geneve,basel,bern,lausanne",
    "AT": "osterreich,oesterreich,austria,wien,vienna,salzburg,graz,linz", "NL": "nederland,netherlands,holanda,amsterdam,rotterdam,den haag,utrecht",
    "BE": "belgie,belgique,belgium,belgica,bruxelles,brussels,antwerpen", "IE": "ireland,irlanda,dublin", "IN": "india,mumbai,bangalore,bengaluru,delhi,hyderabad,pune,chennai",
    "AU": "australia,sydney,melbourne,brisbane,perth", "NZ": "new zealand,auckland", "JP": "japan,japon,tokyo", "CN": "china,shanghai,beijing,shenzhen",
    "SE": "sverige,sweden,stockholm", "DK": "danmark,denmark,copenhagen", "NO": "norge,norway,oslo", "PL": "polska,poland,warszawa,warsaw",
    "IL": "israel,tel aviv", "AE": "dubai,uae,abu dhabi", "ZA": "south africa,johannesburg,cape town", "SG": "singapore,singapur",
}  # fmt: skip

_FORMS = {
    "EC": "cia ltda:3,c ltda:2,ltda:1", "CO": "s a s:2,sas:2,ltda:1.5,e s p:3", "MX": "s a de c v:4,sa de cv:4,s de r l:4,s c:1,s a p i:4,sapi de cv:4,s de rl:4",
    "AR": "s r l:1,srl:1,s a i c:2", "BR": "ltda:1.5,eireli:4,me epp:3,s a:0.3", "US": "inc:2.5,llc:2.5,corp:2,l l c:2.5,pllc:3,esq:2,n a:0.5",
    "GB": "ltd:2.5,limited:1.5,plc:3,llp:1.5", "DE": "gmbh:3,ag:1,kg:1.5,ohg:3,e v:1.5,e k:1.5,mbh:3,ug:1.5", "AT": "gmbh:1.5", "CH": "gmbh:1,ag:1,sa:0.3",
    "PE": "s a c:3,sac:1.5,e i r l:3,eirl:2.5,s r l:1", "CL": "spa:2,ltda:1.5,eirl:1.5,s p a:1", "ES": "s l:3,sl:2,s l u:3,slu:3,s l p:3,s c p:2", "FR": "sas:2,sarl:3,eurl:3,sasu:3,s a s:1.5,s a r l:3,sci:2",
    "IT": "s r l:2.5,srl:2.5,s p a:2.5,spa:2,s n c:3,snc:3,s a s:1,s r l s:4", "IE": "ltd:1", "IN": "pvt ltd:4",
}  # fmt: skip

_PAPERS = {
    "EC": "ruc:2,r u c:2,sri:2,telf:0.5,registro mercantil:1", "CO": "nit:3,n i t:3,dian:3,pse:2,estrato:2,servientrega:1,domicilios:1.5", "MX": "rfc:3,curp:4,clabe:4,cfdi:4,r f c:3,lada:3,conmutador:1.5,col:0.7,sin costo:1.5",
    "AR": "cuit:4,cuil:4,cbu:4,cvu:4,afip:4,dni:0.5,iva responsable inscripto:4,cp c:1", "BR": "cnpj:4,cpf:4,cep:3,nf e:3,boleto:2,pix:2,crea:2,oab:2,nota fiscal:3,zap:2,ramal:1,sac:1,ligue:1,rua:1.5,avenida:0.3,sala:0.3",
    "US": "ssn:3,ein:3,zip:2,toll free:1.5,suite:1,ste:1,ave:1,blvd:1.5,npi:2,cell:0.5,fedex:0.5,ct:0.2,voicemail:0.5,vp:0.7,attorney:1.5", "GB": "vat:0.7,registered in england:4,companies house:3,nhs:3,mot:2,freephone:2,switchboard:1,mob:0.7,ddi:1.5,cheers:1,ta:0.5,utr:3,sort code:3,postcode:2,rics:2,tues:0.2,mum:1",
    "DE": "ust idnr:3,ust id:3,hrb:3,amtsgericht:3,geschaftsfuhrer:2.5,geschaeftsfuehrer:2.5,steuer nr:2,plz:1.5,handy:1.5,durchwahl:1.5,finanzamt:2", "PE": "ruc:2,sunat:4,anexo:1.5,jr:1.5,jiron:3,urb:0.5,wsp:0.7,sede lima:3,detraccion:4,cci:2",
    "CL": "rut:3,r u t:3,sii:2,fono:1,anexo:1,boleta:0.5,afp:1,prevision:1,oficina:0.1,comuna:1.5,po:0.1", "ES": "nif:3,cif:3,n i f:3,c i f:3,lopd:3,rgpd:2.5,movil:1,tlf:1,fijo:0.3,registro mercantil de madrid:4,poligono:3,poligono industrial:4,un saludo:1,vale:0.3,aeat:3,bajo:0.2,presupuesto:0.1",
    "FR": "siret:4,siren:4,rcs:3,tva:2,portable:1.5,standard:0.3,rue:2,boulevard:1,cordialement:1,bien a vous:2,ligne directe:1.5", "IT": "p iva:4,partita iva:4,c f:0.7,cod fisc:4,codice fiscale:4,pec:2.5,cellulare:2,piazza:2,corso:1,viale:2,cordiali saluti:2,distinti saluti:2,rea:1.5,centralino:2,ufficio:1.5,cap soc:2,sdi:2",
}  # fmt: skip

_LANGUAGE_WORDS = {
    "es": (
        "llego estare vemos son fue muy mas como cuando donde entre tambien porque aqui alla semana se ha lo el los las del al usted por favor gracias hola "
        "saludos estimado estimada estimados buenos buenas dias tardes atentamente cordialmente saludo llamame llamar celular cel telefono telf movil oficina "
        "correo extension llame escribame escribir mi numero cualquier cosa duda nuestro nuestra nos su sus con una un fono fijo directo ventas gerente jefe "
        "jefa ing lic dra abg soporte atencion servicio cliente linea consultas reservas mandame marca marcame marcas me te que si pero soy estoy hoy manana "
        "lunes martes miercoles jueves viernes sabado domingo factura pedido cuenta gratis paso nuevo recados domicilios anexo porfa abrazo wsp wpp direccion "
        "calle avenida carrera ciudad internacional casa matriz horario ligado atte cotizacion necesita conmutador asesora asesor coordinador coordinadora dpto "
        "departamento contador contadora compras sin costo para escriba cualquiera estos contactos contacto contactame contactenos llamenos comuniquese "
        "facturar desde interior solo mensajes emergencia caso este ese esta nueva hasta entrega horas tengo puedes puede puedo espanol ya aca sigue anota otra "
        "reconoce compra profe senor senora noches de la en no le todo ser dos era anos yo hay vez todos uno ni eso ante bien poco ella estas algo tanto "
        "despues gusta ahora cada mismo otro quien cual dice hacer ver vamos alquiler venta confidencial antes imprimir pagina web sitio edificio piso local "
        "esquina barrio cuadra frente junto diagonal"
    ),
    "pt": (
        "sou estou vamos foi muito mais como quando onde entre porque semana se eu ele ela nos hoje que nao sim os uma um voce obrigado obrigada ola oi abs "
        "abraco abracos atenciosamente att qualquer duvida duvidas ligue liga ligar meu minha fone celular telefone escritorio amanha segunda terca quarta "
        "quinta sexta nosso nossa da do das dos na em pelo pela aqui contato atendimento vendas gerente diretor diretora zap ramal central bom boa dia tarde "
        "comercial boleto pedido nota ate residencial fixo sao seg sex engenheiro advogado advogada cumprimentos chama anota demais regioes capitais desde ja "
        "falar conosco de para no por as mas ao tem seu sua ou ser ha esta tambem so isso era depois sem mesmo aos ter seus quem nas me esse eles estao tinha "
        "foram essa num nem suas numero agora gente mudei salva salvem fica loja rua andar bairro favor mensagem conversa pra pro"
    ),
    "en": (
        "not but there here they them would could should has had been week tomorrow today next let know just also visit meet flight the and of for please "
        "thanks thank regards best kind hi hello dear you your my our is are call me phone office mobile direct toll free ext cheers sincerely contact desk at "
        "on or with to from if will can when reach text order line main sales manager support director help we us questions team hey this that reception "
        "accounts enquiries re via after before out back monday tuesday wednesday thursday friday saturday sunday english through new lost number running about "
        "late sorry mum may it he she his her was were be have in by as all more an home page search one other do no information time site up what which their "
        "news use any see only so business who web now get am how some these its like than find send street road suite floor building love uncle old save work "
        "dead"
    ),
    "de": (
        "uns sehen treffen komme kommen am im von nach aus auf sind habe haben kann noch oder auch wird werden wie wenn dass aber nur bis um morgen heute woche "
        "montag dienstag mittwoch donnerstag freitag dank und der die das mit freundlichen gruessen grussen grusse gruesse viele liebe beste hallo sehr geehrte "
        "geehrter herr frau telefon mobil handy durchwahl zentrale ich sie wir ist nicht fur fuer zu bei erreichen mich ihnen ihre unser bitte rufnummer "
        "hotline fon festnetz mo notfall buro buero anfrage vertrieb einkauf ruckfragen fragen rechnung unter leiter leiterin bin gern geschaftsfuhrer "
        "assistenz in den sich des dem ein eine als es an er hat einer einem uber einen so zum war vor zur mehr durch man sein wurde sei hatte gegen vom konnen "
        "schon seine mark dann soll eines jahr zwei diese dieser wieder keine uhr seiner worden will zwischen immer was sagte gibt alle diesem seit muss wurden "
        "beim doch jetzt waren drei neue neuen mir projektleiterin buchhaltung versand"
    ),
    "fr": (
        "nos bonne suis sommes dans chez il elle qui que pas ne sera serai demain lundi mardi mercredi jeudi vendredi rendez salut beau le la les des et un une "
        "vous votre nous notre bonjour merci cordialement bien telephone portable mobile fixe bureau pour avec est je mon ma au aux responsable directeur "
        "directrice commercial commerciale standard ligne directe poste joindre appelez rappeler salutations cdlt rue sur par de en du plus se ce sont son sa "
        "cette ou comme mais on tout sans peut ses lui fait deux ont leur meme ces dont si encore depuis entre etre aussi avant apres tres sous ete avoir moi "
        "mes toi ton ta qu ai es change numero coucou bises quand tu bisous voici nouveau nouvelle adresse joins appelle avenue associes cabinet"
    ),
    "it": (
        "siamo ci nel nella alla ai anche domani lunedi martedi mercoledi giovedi venerdi che non questo questa buona il lo gli della dello dei delle un una "
        "per con grazie buongiorno salve saluti cordiali distinti gentile telefono cell cellulare ufficio mio sono chiamare chiamami chiami centralino interno "
        "responsabile direttore vendite amministrazione presso via dal dalle alle studio presto numero nostro nostra puo resto disposizione di la in del si da "
        "le come piu al ma se ha su quando loro degli ne dalla prima due mi essere fra suoi cosi tra uno ti dopo suo sua molto altro altra perche chi cosa "
        "tutto fatto ogni nuovo nuova indirizzo scrivo oggi ciao sede tecnico geom dott dr ing rag avv piazza"
    ),
    "ca": (
        "amb els per una dels meu meva seu seva mobil telefon bon dia bona tarda gracies salutacions soc deixo deixeu hi ha cap si us plau despatx "
        "oficina i el la que es aquest aquesta som tambe molt be fins ara cordialment atentament trucar truqueu dilluns dimarts dijous divendres"
    ),
}  # fmt: skip
LANGUAGE_REGIONS = {
    "ca": ("ES",),
    "es": ("EC", "CO", "MX", "AR", "PE", "CL", "ES"),
    "pt": ("BR",), "en": ("US", "GB"), "de": ("DE",), "fr": ("FR",), "it": ("IT",),
}  # fmt: skip
# Countries of a language that are no candidates by the language alone.
MORE_SPEAKERS = {
    "ca": frozenset({"AD"}),
    "es": frozenset("BO CR CU DO GT HN NI PA PR PY SV UY VE".split()), "pt": frozenset({"PT", "AO", "MZ"}),
    "en": frozenset("CA IE AU NZ ZA IN SG".split()), "de": frozenset({"AT", "CH"}),
    "fr": frozenset({"BE", "CH", "CA", "LU"}), "it": frozenset({"CH"}),
}  # fmt: skip

Points = tuple[tuple[str, float], ...]
Phrase = tuple[tuple[str, ...], bool, Points]


def _spread(*tables: dict[str, str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for region, words in chain.from_iterable(table.items() for table in tables):
        for entry in words.split(","):
            word, _, weight = entry.partition(":")
            found.setdefault(word, {})[region] = float(weight or PLACE)
    return found


def _by_first_word() -> dict[str, tuple[Phrase, ...]]:
    """What may begin with a word, the longest first: the words that follow, whether it is a place, its points."""
    first: dict[str, list[Phrase]] = {}
    places = _spread(_NAMES)
    for phrase, points in _spread(_NAMES, _FORMS, _PAPERS).items():
        head, *rest = phrase.split()
        first.setdefault(head, []).append((tuple(rest), phrase in places, tuple(points.items())))
    return {head: tuple(sorted(rows, key=lambda row: -len(row[0]))) for head, rows in first.items()}


def _languages() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for language, words in _LANGUAGE_WORDS.items():
        for word in set(words.split()):
            found[word] = (*found.get(word, ()), language)
    return found


PHRASES = _by_first_word()
LANGUAGES_OF = _languages()
